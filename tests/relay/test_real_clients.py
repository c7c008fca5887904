"""Real clients push through the relay while their token is revoked and replaced: none notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asyncpg import UndefinedTableError

from cli.connect_api import ConnectApi
from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made
from tests.clients.environments import program
from tests.clients.recorder import Recorder
from tests.clients.singer import Target, record, run, schema, state
from tests.eventually import eventually
from tests.relay.conftest import Relay
from tests.rounds import rounds
from tests.system.destination import rows

pytestmark = pytest.mark.timeout(600)

STITCHCLIENT = Path(__file__).parents[1] / "clients" / "push_with_stitchclient.py"
RECORDS = rounds(small=600, full=6_000)
# At the first of these answers the token is revoked, at the second another stands in its file.
REVOKED_AT, REPLACED_AT = 2, 4


class Rotation:
    """Happens in the middle of a run, between two requests of the client."""

    def __init__(self, api: ConnectApi, source: Made, token_file: Path) -> None:
        self._api = api
        self._source = source
        self._token_file = token_file

    async def before_each(self, number: int) -> None:
        if number == REVOKED_AT:
            await self._api.revoke_token(self._source.id, self._source.token_id)
        if number == REPLACED_AT:
            token = await self._api.create_token(self._source.id)
            await asyncio.to_thread(self._token_file.write_text, token["access_token"])


@pytest.fixture
def rotation(api: ConnectApi, source: Made, token_file: Path) -> Rotation:
    return Rotation(api, source, token_file)


async def arrived(
    system: TemporaryInstallation, source: Made, table: str, records: int
) -> list[tuple[Any, ...]]:
    """How many rows there are, and of how many keys, once there are enough of them."""

    async def all_are_there() -> list[tuple[Any, ...]] | None:
        try:
            found = await rows(
                system, source, f"SELECT count(*), count(DISTINCT id) FROM {{schema}}.{table}"
            )
        except UndefinedTableError:
            return None
        return found if found[0][0] >= records else None

    return await eventually(all_are_there, seconds=90)


async def test_target_stitch_does_not_notice(
    system: TemporaryInstallation, source: Made, relay: Relay, rotation: Rotation, tmp_path: Path
) -> None:
    async with relay() as url, Recorder(url).serving() as recorder:
        recorder.before_each = rotation.before_each
        target = Target(tmp_path, recorder.url, token="unused", client_id=1)
        ended = await target.takes(
            schema("orders", "id", id="integer", name="string"),
            *(record("orders", {"id": n, "name": f"Order {n}"}) for n in range(RECORDS)),
            state({"at": RECORDS}),
            options=("--max-batch-records", "100"),
        )
        assert (ended.exit_code, ended.states) == (0, [{"at": RECORDS}]), ended.log
        found = await arrived(system, source, "orders", RECORDS)

    assert set(recorder.statuses) == {201}
    assert len(recorder.statuses) > REPLACED_AT
    assert found == [(RECORDS, RECORDS)]


async def test_stitchclient_does_not_notice(
    system: TemporaryInstallation, source: Made, relay: Relay, rotation: Rotation
) -> None:
    """It sends a request whenever 4 MB have come together."""
    async with relay() as url, Recorder(url).serving() as recorder:
        recorder.before_each = rotation.before_each
        messages = (
            '[{"action": "upsert", "table_name": "people", "key_names": ["id"], "sequence": n + 1,'
            f' "data": {{"id": n, "text": "x" * 60000}}}} for n in range({RECORDS})]'
        )
        orders = (
            f'{{"url": {recorder.url + "/v2/import/push"!r}, "token": "unused",'
            f' "client_id": {system.installation.client_id()}, "messages": {messages}}}'
        )
        python = program("singer-clients", "python")
        output, log, exit_code = await run(python, str(STITCHCLIENT), given=orders.encode())
        assert (exit_code, output) == (0, ""), log
        found = await arrived(system, source, "people", RECORDS)

    assert set(recorder.statuses) == {201}
    assert len(recorder.statuses) > REPLACED_AT
    assert found == [(RECORDS, RECORDS)]
