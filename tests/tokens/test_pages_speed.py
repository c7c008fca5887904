"""Every page within 100 ms of server time, with 1,000 integrations and 100,000 facts (full rounds).

The small count shows that every page can be drawn; the time is held in full rounds alone, which
print what they measured.
"""

from __future__ import annotations

import statistics
import time

import pytest
from asyncpg import Connection, Record

from services.runtime.clock import SystemClock
from services.tokens.use_cases.accounts import OpenedAccount
from tests.rounds import rounds
from tests.tokens.long_history import long_history, traffic
from tests.tokens.person import Person
from tests.tokens.signing import sign

MILLISECONDS_MAX = 100.0
INTEGRATIONS = rounds(small=20, full=1_000)
FACTS = rounds(small=1_000, full=100_000)
PUSHES = rounds(small=10, full=1_000)  # of each integration, within a day
BUSIEST = rounds(small=100, full=60_000)  # of one of them, besides
ASKED = rounds(small=1, full=40)


@pytest.mark.timeout(1_800)
async def test_every_page_is_drawn_in_time(
    owner: Person, account: OpenedAccount, database: Connection[Record]
) -> None:
    ids = await long_history(database, account.account_id, integrations=INTEGRATIONS, facts=FACTS)
    now = SystemClock().now()
    await traffic(database, ids, now, pushes=PUSHES)
    await traffic(database, ids[1:2], now, pushes=BUSIEST)
    await sign(database)
    middle = await database.fetchval(
        "SELECT recorded_at FROM ledger.event WHERE number = $1", FACTS // 2
    )
    one = f"/integrations/{ids[0]}"
    measured: dict[str, float] = {}
    for path in (
        "/integrations",
        "/integrations/add/import-api",
        one,
        f"/integrations/{ids[1]}",
        f"{one}/settings",
        f"{one}/activity",
        f"{one}/rotate",
        f"{one}/delete",
        "/people",
        "/account",
        "/audit",
        "/audit?type=TokenRevoked",
        "/audit?actor=member/1",
        f"/audit?integration={ids[1]}",
        "/audit?from=2026-01-01T00:00:00&to=2026-01-02T00:00:00",
        "/audit?before=500",
        "/audit/as-of?moment=2999-01-01T00:00:00",
        "/audit/as-of?moment=2999-01-01T00:00:00&page=10",
        f"/audit/as-of?moment={middle:%Y-%m-%dT%H:%M:%S}",
        f"/audit?integration={ids[1]}&actor=connect-token/1&type=TokenGenerated",
        "/audit?from=2999-01-01T00:00:00",
        "/integrations?q=shop",
        "/integrations?page=20",
    ):
        measured[path] = await _p95(owner, path)
    report = "\n".join(f"{value:7.1f} ms  {path}" for path, value in measured.items())
    print(report)  # noqa: T201 - what full rounds are for

    assert ASKED == 1 or max(measured.values()) < MILLISECONDS_MAX, report


async def _p95(person: Person, path: str) -> float:
    """In milliseconds, at the client: the server's time and a little more."""
    found: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        seen = await person.get(path)
        found.append((time.perf_counter() - began) * 1000)
        assert seen.status == 200, path
    return statistics.quantiles(found, n=20)[-1] if len(found) > 1 else found[0]
