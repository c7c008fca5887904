"""What the pages read: receipts, use, refusals and facts, of one integration or one account."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest
from asyncpg import Connection, Pool, Record

from events.ids import IntegrationId, TokenId
from events.queries import load_queries
from services.runtime.clock import SystemClock
from services.tokens.authority import Caller, the_system
from services.tokens.commands import PauseIntegration, ResumeIntegration
from services.tokens.handlers import CreatedIntegration, Handlers, OpenedAccount
from services.tokens.pages import facts
from services.tokens.pages.facts import Filters, account_facts, activity
from services.tokens.pages.receipts import last_day
from services.tokens.pages.token_lists import active_tokens, revoked_tokens
from services.tokens.pages.verification import Verdict, Verifier
from services.tokens.refusals import (
    Busy,
    IntegrationNotFound,
    RoleForbids,
    TokenLabelUnusable,
    TokenNotFound,
)
from tests.history.appending import unguarded
from tests.tokens.journal_rows import PEER, Push, keep, refuse, thousand_pushes
from tests.tokens.signing import sign

NOW = datetime(2026, 11, 27, 11, 40, tzinfo=UTC)
Owner: TypeAlias = "Connection[Record]"


@pytest.fixture
async def shop(handlers: Handlers, caller: Caller) -> CreatedIntegration:
    return await handlers.create_integration(caller, "Shop", with_token=True)


def token_of(created: CreatedIntegration) -> TokenId:
    assert created.token is not None
    return created.token.token_id


async def test_a_receipt_tells_what_became_of_its_tables(
    connections: Pool[Record], database: Owner, shop: CreatedIntegration
) -> None:
    shop_id, token = shop.integration_id, token_of(shop)
    three = ("orders", "lines", "customers")
    await keep(
        database,
        Push(integration_id=shop_id, token_id=token, at=NOW, tables=three),
        Push(integration_id=shop_id, token_id=token, at=NOW, tables=three, waiting=[1]),
        Push(integration_id=shop_id, token_id=token, at=NOW, tables=three, waiting=[0], failed=[2]),
    )

    day = await last_day(connections, shop_id, NOW)

    assert [receipt.state for receipt in day.receipts] == ["set aside", "waiting", "loaded"]
    assert day.receipts[0].reason == "column type"
    assert day.receipts[0].peer == PEER


async def test_a_day_counts_what_was_sent_within_it(
    connections: Pool[Record], database: Owner, shop: CreatedIntegration
) -> None:
    shop_id, token = shop.integration_id, token_of(shop)
    await keep(
        database,
        Push(integration_id=shop_id, token_id=token, at=NOW - timedelta(hours=25), records=7),
        Push(integration_id=shop_id, token_id=token, at=NOW - timedelta(hours=23), records=20),
        Push(integration_id=shop_id, token_id=token, at=NOW, records=300),
    )
    await refuse(database, shop_id, token, NOW - timedelta(hours=25))
    await refuse(database, shop_id, token, NOW, reason="record_invalid", requests=4)

    day = await last_day(connections, shop_id, NOW)

    assert (day.requests, day.records, day.refused) == (2, 320, 4)
    assert [(r.reason, r.token_id, r.requests) for r in day.refusals] == [
        ("record_invalid", token, 4)
    ]
    assert sum(hour.accepted for hour in day.chart.hours) == 2
    assert day.chart.hours[-1].refused == 4


async def test_receipts_of_revoked_tokens_count_and_those_of_others_do_not(
    connections: Pool[Record],
    database: Owner,
    handlers: Handlers,
    caller: Caller,
    shop: CreatedIntegration,
) -> None:
    other = await handlers.create_integration(caller, "Other", with_token=True)
    await thousand_pushes(database, other.integration_id, token_of(other), NOW)
    await thousand_pushes(database, shop.integration_id, token_of(shop), NOW)
    await handlers.revoke_token(caller, shop.integration_id, token_of(shop))

    day = await last_day(connections, shop.integration_id, NOW)

    assert day.requests == 1000
    assert len(day.receipts) == 10
    assert {receipt.token_id for receipt in day.receipts} == {token_of(shop)}


async def test_tokens_tell_who_made_them_and_who_uses_them(
    connections: Pool[Record],
    database: Owner,
    handlers: Handlers,
    caller: Caller,
    shop: CreatedIntegration,
) -> None:
    shop_id, first = shop.integration_id, token_of(shop)
    second = await handlers.generate_token(caller, shop_id)
    await keep(
        database,
        Push(integration_id=shop_id, token_id=first, at=NOW - timedelta(hours=1)),
        Push(integration_id=shop_id, token_id=first, at=NOW),
    )
    await handlers.label_token(caller, shop_id, first, "the old server")

    newer, older = await active_tokens(connections, shop_id)

    assert newer.token_id == second.token_id
    assert newer.last_four == second.access_token[-4:]
    assert (newer.first_used_at, newer.label) == (None, None)
    assert older.generated_by == "system"
    assert older.label == "the old server"
    assert (older.first_used_at, older.last_used_at) == (NOW - timedelta(hours=1), NOW)
    assert older.last_peer == PEER


async def test_a_revoked_token_tells_who_still_comes_with_it(
    connections: Pool[Record],
    database: Owner,
    handlers: Handlers,
    caller: Caller,
    shop: CreatedIntegration,
) -> None:
    await handlers.revoke_token(caller, shop.integration_id, token_of(shop))
    await refuse(database, shop.integration_id, token_of(shop), NOW, requests=12)

    (revoked,) = await revoked_tokens(connections, shop.integration_id, NOW)

    assert revoked.last_four == (shop.token.access_token[-4:] if shop.token else "")
    assert (revoked.revoked_by, revoked.refused, revoked.refused_peer) == ("system", 12, PEER)


async def test_a_label_can_be_changed_and_taken_away(
    connections: Pool[Record], handlers: Handlers, caller: Caller, shop: CreatedIntegration
) -> None:
    shop_id, token = shop.integration_id, token_of(shop)
    for label, shown in [("one", "one"), ("two", "two"), ("", None), ("", None)]:
        await handlers.label_token(caller, shop_id, token, label)
        (entry,) = await active_tokens(connections, shop_id)

        assert entry.label == shown


@pytest.mark.parametrize("label", ["x" * 81, "two\nlines", "   ", "nul\0"])
async def test_an_unfit_label_is_refused(
    handlers: Handlers, caller: Caller, shop: CreatedIntegration, label: str
) -> None:
    with pytest.raises(TokenLabelUnusable):
        await handlers.label_token(caller, shop.integration_id, token_of(shop), label)


async def test_nobody_labels_what_is_not_theirs(
    handlers: Handlers,
    caller: Caller,
    stranger: OpenedAccount,
    shop: CreatedIntegration,
) -> None:
    auditor = Caller(account_id=caller.account_id, role="auditor", actor="member/3")
    shop_id, token = shop.integration_id, token_of(shop)
    other = await handlers.create_integration(caller, "Other", with_token=True)

    with pytest.raises(IntegrationNotFound):
        await handlers.label_token(the_system(stranger.account_id), shop_id, token, "mine")
    with pytest.raises(RoleForbids):
        await handlers.label_token(auditor, shop_id, token, "mine")
    with pytest.raises(TokenNotFound):
        await handlers.label_token(caller, other.integration_id, token, "mine")


async def test_activity_is_told_in_sentences_newest_first(
    connections: Pool[Record], handlers: Handlers, caller: Caller, shop: CreatedIntegration
) -> None:
    ada = Caller(account_id=caller.account_id, role="owner", actor="member/3")
    await handlers.revoke_token(ada, shop.integration_id, token_of(shop))

    page = await activity(connections, shop.integration_id, {"member/3": "ada@acme.example"})

    newest = page.facts[0]
    assert newest.who == "ada@acme.example"
    assert newest.what == f"revoked token {token_of(shop)} of this integration"
    assert [told.who for told in page.facts[1:]] == ["The operator", "The operator"]
    assert page.older is None


async def test_activity_goes_on_from_page_to_page(
    connections: Pool[Record],
    handlers: Handlers,
    caller: Caller,
    shop: CreatedIntegration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts, "FACTS_SHOWN", 2)
    for _ in range(2):
        token = await handlers.generate_token(caller, shop.integration_id)
        await handlers.revoke_token(caller, shop.integration_id, token.token_id)
    numbers: list[int] = []
    before: int | None = facts.VERSION_MAX

    while before is not None:
        page = await activity(connections, shop.integration_id, {}, before=before)
        numbers += [told.number for told in page.facts]
        before = page.older

    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 6


async def test_an_auditor_reads_the_facts_of_the_own_account_alone(
    connections: Pool[Record],
    handlers: Handlers,
    caller: Caller,
    stranger: OpenedAccount,
    shop: CreatedIntegration,
) -> None:
    theirs = await handlers.create_integration(the_system(stranger.account_id), "Theirs")

    page = await account_facts(connections, caller.account_id, Filters(), {})
    asked = Filters(integration_id=IntegrationId(theirs.integration_id))
    peeked = await account_facts(connections, caller.account_id, asked, {})

    assert {told.integration_id for told in page.facts} == {None, shop.integration_id}
    assert any("for Shop" in told.what for told in page.facts)
    assert not peeked.facts


async def test_facts_are_found_by_type_person_integration_and_time(
    connections: Pool[Record], handlers: Handlers, caller: Caller, shop: CreatedIntegration
) -> None:
    ada = Caller(account_id=caller.account_id, role="owner", actor="member/3")
    await handlers.generate_token(ada, shop.integration_id)
    whole = (await account_facts(connections, caller.account_id, Filters(), {})).facts
    newest = whole[0]

    async def found(filters: Filters) -> list[int]:
        page = await account_facts(connections, caller.account_id, filters, {})
        return [told.number for told in page.facts]

    assert await found(Filters(type="IntegrationCreated")) == [whole[2].number]
    assert await found(Filters(actor="member/3")) == [newest.number]
    assert await found(Filters(integration_id=shop.integration_id)) == [t.number for t in whole[:3]]
    assert await found(Filters(since=newest.at)) == [newest.number]
    assert await found(Filters(until=newest.at)) == [told.number for told in whole[1:]]


async def test_who_could_write_is_what_the_fold_says(
    connections: Pool[Record],
    database: Owner,
    handlers: Handlers,
    caller: Caller,
    shop: CreatedIntegration,
) -> None:
    """At every size of a history with pauses, a deletion and tokens that come and go."""
    other = await handlers.create_integration(caller, "Other", with_token=True)
    second = await handlers.generate_token(caller, shop.integration_id)
    for change in (
        PauseIntegration(paused_at="2026-11-23T12:00:00Z"),
        ResumeIntegration(),
        PauseIntegration(paused_at="2026-11-24T12:00:00Z"),
    ):
        await handlers.change_integration(caller, shop.integration_id, [change])
        await handlers.delete_integration(caller, other.integration_id)
    await handlers.revoke_token(caller, shop.integration_id, second.token_id)
    await handlers.change_integration(caller, shop.integration_id, [ResumeIntegration()])
    size = await database.fetchval("SELECT size FROM ledger.head")

    for until in range(size + 1):
        told = await connections.fetch(
            load_queries("services.tokens.pages")["tokens_that_could_write_of_account"],
            until,
            caller.account_id,
        )
        fold = await connections.fetch(
            load_queries("services.tokens")["tokens_that_could_write"], until
        )

        assert [row["token_id"] for row in told] == [row["token_id"] for row in fold], until


async def test_the_export_is_what_is_stored_of_the_account(
    connections: Pool[Record],
    database: Owner,
    handlers: Handlers,
    caller: Caller,
    stranger: OpenedAccount,
    shop: CreatedIntegration,
) -> None:
    await handlers.create_integration(the_system(stranger.account_id), "Theirs")
    stored = await database.fetch(
        "SELECT record::text FROM ledger.event WHERE stream IN ($1, $2) ORDER BY number",
        f"account/{caller.account_id}",
        f"integration/{shop.integration_id}",
    )

    lines = b"".join(
        [piece async for piece in facts.stored_lines(connections, caller.account_id, Filters())]
    )

    assert lines.decode().splitlines() == [row["record"] for row in stored]


async def test_the_check_finds_a_row_that_the_log_does_not_know(
    connections: Pool[Record], database: Owner, shop: CreatedIntegration
) -> None:
    await database.execute(
        "UPDATE tokens.active_tokens SET state = 'paused' WHERE integration_id = $1",
        shop.integration_id,
    )

    verdict = await Verifier(connections, SystemClock()).verify()

    assert not verdict.holds
    assert verdict.differences == {"active_tokens": 1}


async def test_the_check_holds_the_log_to_what_was_signed(
    connections: Pool[Record],
    database: Owner,
    handlers: Handlers,
    caller: Caller,
    shop: CreatedIntegration,
) -> None:
    verifier = Verifier(connections, SystemClock())
    unsigned = await verifier.verify()
    await sign(database)
    await handlers.generate_token(caller, shop.integration_id)

    signed = await verifier.verify()

    assert not unsigned.tree.holds
    assert signed.holds
    assert signed.tree.told == (
        "The first 4 events are those that were signed; 1 younger than the signature."
    )
    assert verifier.last == signed


async def test_the_check_sees_a_rewritten_event(
    connections: Pool[Record], database: Owner, shop: CreatedIntegration
) -> None:
    assert shop.token is not None
    await sign(database)
    async with unguarded(database):
        await database.execute(
            "UPDATE ledger.event SET record = replace(record::text, 'Shop', 'Shup')::json"
            " WHERE type = 'IntegrationCreated'"
        )

    verdict = await Verifier(connections, SystemClock()).verify()

    assert not verdict.tree.holds
    assert "not those that were signed" in verdict.tree.told
    # The row of the live table is as it was, and no longer what the log says.
    assert verdict.differences == {"integrations": 1}


async def test_the_check_misses_events_that_were_signed(
    connections: Pool[Record], database: Owner, shop: CreatedIntegration
) -> None:
    assert shop.token is not None
    await sign(database)
    async with unguarded(database):
        await database.execute("DELETE FROM ledger.event WHERE type = 'TokenGenerated'")
        await database.execute("UPDATE ledger.head SET size = size - 1")

    verdict = await Verifier(connections, SystemClock()).verify()

    assert "4 events were signed, and 3 are there: some are missing." in verdict.tree.told


async def test_only_one_check_runs_at_a_time(
    connections: Pool[Record], shop: CreatedIntegration
) -> None:
    assert shop.token is not None
    verifier = Verifier(connections, SystemClock())

    one, other = await asyncio.gather(verifier.verify(), verifier.verify(), return_exceptions=True)

    assert isinstance(one, Verdict)
    assert isinstance(other, Busy)
