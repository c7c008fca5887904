"""The list of integrations: its columns, search, pages and empty state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asyncpg import Connection, Pool, Record

from events.ids import new_batch_id
from services.runtime.clock import SystemClock
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.data import daily_totals
from services.tokens.web.data.daily_totals import DailyTotals, PushTotals
from tests.eventually import eventually
from tests.tokens import journal_rows
from tests.tokens.person import Person
from tests.tokens.setclock import SetClock

NOW = datetime(2026, 11, 27, 9, 30, 15, tzinfo=UTC)


async def receipt(
    owner: Connection[Record], integration_id: int, at: datetime, records: int
) -> None:
    """As ingest writes it: the id of a batch grows with time."""
    await owner.execute(
        "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
        " records, bytes, body_sha256, received_at, log_size)"
        " VALUES ($1, $2, 1, 'push', '{orders}', $3, 10, sha256('x'), $4, 1)",
        new_batch_id(int(at.timestamp() * 1000)), integration_id, records, at,
    )  # fmt: skip


async def test_an_empty_list_teaches_the_first_push(owner: Person, auditor: Person) -> None:
    seen, read = await owner.get("/integrations"), await auditor.get("/integrations")

    assert "No integrations yet" in seen.text
    assert "/v2/import/push" in seen.text
    assert "/integrations/add" in seen.text
    assert "/integrations/add" not in read.text


async def test_an_integration_is_listed_with_how_it_does(
    owner: Person, use_cases: UseCases, caller: Caller, database: Connection[Record]
) -> None:
    made = await use_cases.integrations.create(caller, "Web Shop", with_token=True)
    assert made.token is not None
    now = SystemClock().now()
    # Signing in may have looked at the list, and what is older than that is not read again.
    await receipt(database, made.integration_id, now, 1_234)
    await journal_rows.use(database, made.integration_id, made.token.token_id, now)
    await journal_rows.refuse(database, made.integration_id, None, now, requests=7)

    async def listed() -> str | None:
        text = (await owner.get("/integrations")).text
        return text if "1,234" in text else None

    text = await eventually(listed, seconds=30)
    row = text.split("<tbody>")[1].split("</tr>")[0]
    assert "Web Shop" in row
    assert "web_shop" in row
    assert "Active" in row
    assert "just now" in row
    assert 'data-name="Refused">7</td>' in row


async def test_one_of_many_is_found_by_name_or_schema(
    owner: Person, use_cases: UseCases, caller: Caller
) -> None:
    for n in range(9):
        await use_cases.integrations.create(caller, f"Shop No {n}")

    by_name = await owner.get("/integrations?q=NO+7")
    by_schema = await owner.get("/integrations?q=shop_no_3")
    none = await owner.get("/integrations?q=%25")

    assert ("Shop No 7" in by_name.text, "Shop No 3" in by_name.text) == (True, False)
    assert "Shop No 3" in by_schema.text
    assert "No matching integrations" in none.text


async def test_deleted_ones_are_shown_on_asking(
    owner: Person, use_cases: UseCases, caller: Caller
) -> None:
    made = await use_cases.integrations.create(caller, "Old Shop")
    await use_cases.integrations.create(caller, "New Shop")
    await use_cases.integrations.delete(caller, made.integration_id)

    seen, all_of_them = (
        await owner.get("/integrations"),
        await owner.get("/integrations?deleted=1"),
    )

    assert "Old Shop" not in seen.text
    assert "Old Shop" in all_of_them.text
    assert "Deleted" in all_of_them.text


async def test_another_accounts_integrations_are_not_listed_nor_counted(
    owner: Person, use_cases: UseCases, stranger: OpenedAccount
) -> None:
    await use_cases.integrations.create(
        Caller(account_id=stranger.account_id, role="owner", actor="system"),
        "Secret Plans",
    )

    assert "Secret Plans" not in (await owner.get("/integrations?q=secret")).text
    assert "No integrations yet" in (await owner.get("/integrations")).text


async def test_each_receipt_of_a_day_is_counted_once_however_often_one_looks(
    connections: Pool[Record], database: Connection[Record]
) -> None:
    clock = SetClock(NOW)
    await receipt(database, 1, NOW - timedelta(hours=30), 1)
    await receipt(database, 1, NOW - timedelta(hours=23, minutes=20), 10)
    await receipt(database, 1, NOW - timedelta(hours=5), 100)
    await receipt(database, 2, NOW - timedelta(seconds=5), 1_000)
    day = DailyTotals(connections, clock)

    async def known() -> dict[int, PushTotals] | None:
        found = await day.last_24_hours()
        return None if found is None else dict(found)

    assert await eventually(known) == {1: PushTotals(2, 110), 2: PushTotals(1, 1_000)}
    clock.goes_on(seconds=20)
    await receipt(database, 2, clock.now(), 5_000)

    async def brought_up_to_date() -> bool:
        return (await known() or {})[2] == PushTotals(2, 6_000)

    await eventually(brought_up_to_date)
    clock.goes_on(minutes=45)

    async def an_hour_is_gone() -> bool:
        return (await known() or {})[1] == PushTotals(1, 100)

    await eventually(an_hour_is_gone)
    await day.close()


async def test_a_receipt_that_became_visible_late_is_counted(
    connections: Pool[Record], database: Connection[Record]
) -> None:
    clock = SetClock(NOW)
    day = DailyTotals(connections, clock)
    await _looked(day)
    clock.goes_on(seconds=daily_totals.FRESH_SECONDS + 1)
    await receipt(database, 3, NOW - timedelta(seconds=20), 9)

    async def counted() -> bool:
        return (await day.last_24_hours() or {}).get(3) == PushTotals(1, 9)

    await eventually(counted)
    await day.close()


async def _looked(day: DailyTotals) -> None:
    async def known() -> bool:
        return await day.last_24_hours() is not None

    await eventually(known)
