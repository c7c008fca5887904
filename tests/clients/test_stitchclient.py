"""stitchclient 1.0.1 against the running system (wire contract 5, 6.1 and 7.8)."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made
from tests.clients.conftest import Tables
from tests.clients.environments import program
from tests.clients.recorder import Recorder
from tests.clients.singer import run

# Runs in the client's own environment, so it is not imported here.
SCRIPT = str(Path(__file__).with_name("push_with_stitchclient.py"))
RECORDS_MAX = 20_000
CLIENT_BYTES_MAX = 4_194_304

# What a client run printed: nothing, or the error that it ended with.
Pushes = Callable[..., Awaitable[str]]


@pytest.fixture
def pushes(system: TemporaryInstallation, source: Made, recorder: Recorder) -> Pushes:
    async def pushes(messages: str, token: str = source.token) -> str:
        """``messages`` is an expression: see the script."""
        orders = (
            f'{{"url": {recorder.url + "/v2/import/push"!r}, "token": {token!r},'
            f' "client_id": {system.installation.client_id()}, "messages": {messages}}}'
        )
        python = program("singer-clients", "python")
        output, log, exit_code = await run(python, SCRIPT, given=orders.encode())
        assert exit_code == 0, log
        return output

    return pushes


def upsert(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "action": "upsert",
        "table_name": "people",
        "key_names": ["id"],
        "sequence": 1,
        "data": data,
    } | changes


async def test_cl_01_every_value_it_can_send_is_in_the_table(
    pushes: Pushes, recorder: Recorder, tables: Tables
) -> None:
    values = """{
        "id": 2**53, "large": 2**60, "exact": Decimal("12.340"), "part": 1.5,
        "at": datetime.datetime(2020, 1, 13, 21, 25, 3, 123456, datetime.timezone.utc),
        "uuid": UUID("531a379e-31bb-4ce1-8690-158dceb64be6"), "none": None, "yes": True,
        "text": "~tilde", "caret": "^caret", "umlaut": "ü", "not_a_number": float("nan"),
    }"""
    printed = await pushes(
        f'[{{"action": "upsert", "table_name": "people", "key_names": ["id"],'
        f' "sequence": 2**63 - 1, "data": {values}}}]'
    )

    assert printed == ""
    assert recorder.statuses == [201]
    assert recorder.exchanges[0].headers["Content-Type"] == "application/transit+json"
    columns = ("id", "large", "exact::text", "part", "at", "uuid::text", "yes", "text", "caret")
    [(*row, umlaut, not_a_number, sequence)] = await tables.rows(
        "people", *columns, "umlaut", "not_a_number", "_sdc_sequence"
    )
    assert row == [
        2**53,
        2**60,
        "12.340",
        1.5,
        datetime(2020, 1, 13, 21, 25, 3, 123000, UTC),
        str(UUID("531a379e-31bb-4ce1-8690-158dceb64be6")),
        True,
        "~tilde",
        "^caret",
    ]
    assert (umlaut, math.isnan(not_a_number), sequence) == ("ü", True, 2**63 - 1)


async def test_cl_02_a_wrong_token_is_an_error_that_says_so(
    pushes: Pushes, recorder: Recorder
) -> None:
    printed = await pushes(repr([upsert({"id": 1})]), token="at_wrong")

    assert printed.startswith("RuntimeError:")
    assert "401" in printed
    assert "Not Authorized" in printed
    assert recorder.statuses == [401]


async def test_a_bad_record_is_an_error_with_the_reason_and_nothing_is_taken(
    pushes: Pushes, recorder: Recorder
) -> None:
    printed = await pushes(repr([upsert({"id": 1}), upsert({"id": None})]))

    assert "422" in printed
    assert "keys cannot not be null in data" in printed
    assert recorder.statuses == [422]


async def test_cl_03_twenty_five_thousand_pushes_all_arrive(
    pushes: Pushes, recorder: Recorder, tables: Tables
) -> None:
    printed = await pushes(
        '[{"action": "upsert", "table_name": "people", "key_names": ["id"], "sequence": n,'
        ' "data": {"id": n, "name": "Person %d" % n}} for n in range(25_000)]'
    )

    assert printed == ""
    assert set(recorder.statuses) == {201}
    assert max(len(exchange.document) for exchange in recorder.exchanges) <= RECORDS_MAX
    assert max(len(exchange.body) for exchange in recorder.exchanges) <= CLIENT_BYTES_MAX
    assert await tables.rows("people", "id", "name") == [(n, f"Person {n}") for n in range(25_000)]
