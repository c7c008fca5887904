"""A resend changes no row of the destination, with keys and without, also after a rotation."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
from asyncpg import Connection, Record

from cli.connect_api import ConnectApi
from cli.database import connection_to
from cli.temporary_installation import TemporaryInstallation
from tests.cli.loading import nothing_waits
from tests.cli.made import Made
from tests.eventually import eventually


async def send(
    system: TemporaryInstallation, body: dict[str, Any], token: str, **headers: str
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{system.installation.import_url()}/v2/import/batch",
            data=orjson.dumps(body),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                **headers,
            },
        ) as answer,
    ):
        assert answer.status == 201


def batch(table: str, *values: str, **changes: Any) -> dict[str, Any]:
    return {
        "table_name": table,
        "schema": {"properties": {"id": {"type": "integer"}, "value": {"type": "string"}}},
        "messages": [
            {"action": "upsert", "sequence": 7, "data": {"id": place, "value": value}}
            for place, value in enumerate(values)
        ],
        **changes,
    }


async def test_rows_are_as_after_the_first_time(
    system: TemporaryInstallation, made: Made, api: ConnectApi, journal: Connection[Record]
) -> None:
    second = await api.create_token(made.id)
    append_only, keyed = batch("log", "a", "a", "b"), batch("now", "a", key_names=["id"])
    named = batch("named", "a", "b")
    for token in (made.token, made.token, second["access_token"]):
        await send(system, append_only, token)
        await send(system, keyed, token)
        await send(system, named, token, **{"Idempotency-Key": "1"})
    # The same key and sequence with other data: the one that was accepted first stays.
    await send(system, batch("now", "other", key_names=["id"]), made.token)
    # Another name, the same bytes: meant twice.
    await send(system, named, made.token, **{"Idempotency-Key": "2"})
    await eventually(lambda: nothing_waits(journal, made), seconds=30)

    found = {}
    async with connection_to(system.installation.destination_url(), "") as destination:
        for table in ("log", "now", "named"):
            rows = await destination.fetch(f'SELECT value FROM "{made.name}".{table} ORDER BY 1')
            found[table] = [row["value"] for row in rows]

    assert found == {"log": ["a", "a", "b"], "now": ["a"], "named": ["a", "a", "b", "b"]}
