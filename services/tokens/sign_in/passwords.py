"""Passwords: which are good, and argon2 in threads, never more at once than there is room for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.tokens.limits import (
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    PASSWORDS_AT_ONCE_MAX,
    PASSWORDS_WAITING_MAX,
)
from services.tokens.refusals import Busy, PasswordUnusable

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one hash. As much memory is taken for each that is made at the same time."""

    memory_kib: int
    passes: int


def require_usable(password: str) -> None:
    """Length and nothing else. Raises PasswordUnusable."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise PasswordUnusable


class Passwords:
    """One for a process."""

    def __init__(self, cost: Cost) -> None:
        self._hasher = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=1
        )
        self._turns = asyncio.Semaphore(PASSWORDS_AT_ONCE_MAX)
        self._in_hand = 0
        self._nobodys: str | None = None

    @contextlib.contextmanager
    def room(self) -> Iterator[None]:
        """For one caller, from its first wait on. Raises Busy when too many are in there."""
        if self._in_hand >= PASSWORDS_AT_ONCE_MAX + PASSWORDS_WAITING_MAX:
            raise Busy
        self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1

    async def hash(self, password: str) -> str:
        return await self._in_a_thread(lambda: self._hasher.hash(password))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """False after the same work where there is no hash: nobody can tell by the time."""
        if self._nobodys is None:
            self._nobodys = await self.hash("nobody has this password")
        against = password_hash or self._nobodys
        # A longer one is nobody's, and would only be work.
        asked = password[:PASSWORD_CHARACTERS_MAX]
        matches = await self._in_a_thread(lambda: self._verified(against, asked))
        return matches and password_hash is not None and asked == password

    def _verified(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_a_thread(self, work: Callable[[], Answer]) -> Answer:
        async with self._turns:
            return await asyncio.to_thread(work)
