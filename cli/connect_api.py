"""A client of the Connect API: integrations and their tokens, over HTTP."""

import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp

from cli.errors import CommandFailed
from cli.installation import Installation

REQUEST_SECONDS_MAX = 30.0

# What to do about a refusal, by its code in the response (wire contract 2.4).
_ADVICE = {
    "InvalidName": "Choose another name.",
    "InvalidDisplayName": "Choose a name with letters or digits that make a schema name which is"
    " not taken and not reserved by PostgreSQL.",
    "InvalidLabel": "Choose a shorter label, on one line.",
    "InvalidId": "See `pushgate integrations list` and `pushgate tokens list INTEGRATION`.",
    "TokenLimitReached": "Revoke one first: `pushgate tokens list INTEGRATION`, then"
    " `pushgate tokens revoke TOKEN_ID`.",
}


class ConnectApi:
    """Every method raises CommandFailed with the service's reason and what to do about it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def create_source(self, display_name: str) -> dict[str, Any]:
        body = {"display_name": display_name, "type": "import_api"}
        return dict(await self._call("POST", "/v4/sources", body))

    async def sources(self) -> list[dict[str, Any]]:
        """All of them, including paused and deleted ones."""
        return list(await self._call("GET", "/v4/sources"))

    async def update_source(self, source_id: int, changes: dict[str, Any]) -> dict[str, Any]:
        return dict(await self._call("PUT", f"/v4/sources/{source_id}", changes))

    async def delete_source(self, source_id: int) -> dict[str, Any]:
        return dict(await self._call("DELETE", f"/v4/sources/{source_id}"))

    async def create_token(self, source_id: int, label: str | None = None) -> dict[str, Any]:
        """``{"id", "access_token"}``: the only response that holds the token's text."""
        body = None if label is None else {"label": label}
        return dict(await self._call("POST", f"/v4/sources/{source_id}/tokens", body))

    async def tokens(self, source_id: int) -> list[dict[str, Any]]:
        """The active ones, newest first: ``{"token_id", "created_at"}``."""
        return list(await self._call("GET", f"/v4/sources/{source_id}/tokens"))

    async def revoke_token(self, source_id: int, token_id: int) -> dict[str, Any]:
        return dict(await self._call("DELETE", f"/v4/sources/{source_id}/tokens/{token_id}"))

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            async with self._session.request(method, path, json=body) as response:
                document = await _read_json(response)
                if response.ok:
                    return document
                raise _failure(response, document)
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise CommandFailed(
                f"The token service does not respond: {reason}. Check that `pushgate up` is"
                " running, or set PUSHGATE_URL to its address."
            ) from error


@contextlib.asynccontextmanager
async def connect_api(installation: Installation) -> AsyncIterator[ConnectApi]:
    async with aiohttp.ClientSession(
        installation.connect_url(),
        headers={"Authorization": f"Bearer {installation.connect_token().reveal()}"},
        timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX),
    ) as session:
        yield ConnectApi(session)


async def _read_json(response: aiohttp.ClientResponse) -> Any:
    try:
        return await response.json(content_type=None)
    except ValueError:
        return None


def _failure(response: aiohttp.ClientResponse, document: Any) -> CommandFailed:
    members = document if isinstance(document, dict) else {}
    data = members.get("data")
    reason = (data if isinstance(data, dict) else members).get("message")
    if response.status == HTTPStatus.UNAUTHORIZED:
        return CommandFailed(
            "The token service does not accept this Connect token. Set PUSHGATE_CONNECT_TOKEN to an"
            " active one; `pushgate connect-tokens generate` makes one."
        )
    advice = _ADVICE.get(str(members.get("error")), "")
    message = f"The token service refused with {response.status}: {reason or response.reason}."
    return CommandFailed(f"{message} {advice}".rstrip())
