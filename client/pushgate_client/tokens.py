"""Sources of the token: a text, a file, the environment, or a callable."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from pushgate_client.errors import TokenUnreadable
from pushgate_client.limits import TOKEN_BYTES_MAX


class TokenSource(Protocol):
    async def read(self) -> str:
        """The current token. Raises TokenUnreadable."""
        ...


class FixedToken:
    """Strips blanks. Raises ValueError for a text that can't be sent in a header."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        if not self._text.isprintable():
            raise ValueError(
                "The token contains a control character. Was more than the token pasted?"
            )

    def __repr__(self) -> str:
        return "FixedToken(***)"

    async def read(self) -> str:
        return self._text


class TokenFile:
    """The first line of a file. Read every time: checking for a change would cost as much."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def __repr__(self) -> str:
        return f"TokenFile({str(self._path)!r})"

    async def read(self) -> str:
        return await asyncio.to_thread(self._read)

    def _read(self) -> str:
        try:
            with self._path.open(encoding="utf-8-sig") as file:
                text = file.readline(TOKEN_BYTES_MAX).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenUnreadable(f"The token file can't be read: {error}.") from error
        if not text:
            raise TokenUnreadable(f"{self._path} holds no token on its first line.")
        return text


class TokenFromEnvironment:
    def __init__(self, name: str = "PUSHGATE_TOKEN") -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"TokenFromEnvironment({self._name!r})"

    async def read(self) -> str:
        text = os.environ.get(self._name, "").strip()
        if not text:
            raise TokenUnreadable(f"{self._name} is not set.")
        return text


class TokenCallback:
    """Calls ``ask`` whenever a token is needed, so it should return quickly."""

    def __init__(self, ask: Callable[[], str | Awaitable[str]]) -> None:
        self._ask = ask

    async def read(self) -> str:
        """Raises TokenUnreadable for any exception of ``ask``: it may work the next time."""
        try:
            answer = self._ask()
            text = await answer if inspect.isawaitable(answer) else answer
        except TokenUnreadable:
            raise
        except Exception as error:
            raise TokenUnreadable(f"The callback failed: {type(error).__name__}.") from error
        if not text:
            raise TokenUnreadable("The callback returned no token.")
        return str(text).strip()


class CheckedTokenSource:
    """Raises TokenUnreadable for any exception of ``source``, and for text no header can hold."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def __repr__(self) -> str:
        return repr(self._source)

    async def read(self) -> str:
        try:
            text = str(await self._source.read()).strip()
        except TokenUnreadable:
            raise
        except Exception as error:
            raise TokenUnreadable(f"The token's source failed: {type(error).__name__}.") from error
        if not text.isprintable():
            raise TokenUnreadable("The token contains a control character.")
        return text


AnyToken = str | TokenSource | Callable[[], str | Awaitable[str]]


def token_source(token: AnyToken) -> TokenSource:
    """A text is the token itself, a callable is called, and anything else has ``read``."""
    if isinstance(token, str):
        return FixedToken(token)
    if hasattr(token, "read"):
        return token
    return TokenCallback(token)
