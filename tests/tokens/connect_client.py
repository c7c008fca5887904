"""Speaks to the Connect API as a holder of a Connect token does."""

from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

AnyClient = TestClient[Request, Application]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class ConnectClient:
    def __init__(self, client: AnyClient, connect_token: str) -> None:
        self.client = client
        self.connect_token = connect_token

    def with_token(self, connect_token: str) -> "ConnectClient":
        return ConnectClient(self.client, connect_token)

    async def get(self, path: str) -> Answer:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any = None) -> Answer:
        return await self.ask("POST", path, body)

    async def put(self, path: str, body: Any) -> Answer:
        return await self.ask("PUT", path, body)

    async def delete(self, path: str) -> Answer:
        return await self.ask("DELETE", path)

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        data = None if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.ask_with_headers(
            method,
            path,
            [
                ("Authorization", f"Bearer {self.connect_token}"),
                ("Content-Type", "application/json"),
            ],
            data=data,
        )

    async def ask_with_headers(
        self,
        method: str,
        path: str,
        headers: list[tuple[str, str]],
        *,
        data: bytes | None = None,
    ) -> Answer:
        session: ClientSession = self.client.session
        async with session.request(
            method, self.client.make_url(path), headers=headers, data=data
        ) as response:
            return Answer(response.status, await response.read(), dict(response.headers))

    async def new_source(self, display_name: str = "Import API") -> int:
        answer = await self.post(
            "/v4/sources", {"type": "import_api", "display_name": display_name}
        )
        assert answer.status == 200, answer.body
        return int(answer.json["id"])

    async def new_token(self, source_id: int) -> int:
        answer = await self.post(f"/v4/sources/{source_id}/tokens")
        assert answer.status == 200, answer.body
        return int(answer.json["id"])
