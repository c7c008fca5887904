"""The data of the pages: receipts, token use, refusals and events of an integration or account."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncpg import Connection, Pool, Record

from events.ids import IntegrationId, TokenId
from events.sql_files import load_queries
from services.runtime.clock import SystemClock
from services.tokens.domain.commands import PauseIntegration, ResumeIntegration
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.refusals import (
    Busy,
    IntegrationNotFound,
    RoleForbids,
    TokenLabelUnusable,
    TokenNotFound,
)
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.integrations import GeneratedToken
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.data import activity
from services.tokens.web.data.activity import (
    ActivityFilters,
    account_activity,
    integration_activity,
)
from services.tokens.web.data.receipts import last_24_hours
from services.tokens.web.data.tokens import active_tokens, revoked_tokens
from services.tokens.web.data.verification import Verdict, Verifier
from services.tokens.web.views import audit
from tests.history.appending import unguarded
from tests.tokens.journal_rows import PEER, Push, keep, refuse, thousand_pushes
from tests.tokens.person import Person
from tests.tokens.signing import sign

NOW = datetime(2026, 11, 27, 11, 40, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """An integration with one token, and the ways to it."""

    connections: Pool[Record]
    owner: Connection[Record]
    use_cases: UseCases
    caller: Caller
    integration_id: IntegrationId
    token: GeneratedToken

    @property
    def token_id(self) -> TokenId:
        return self.token.token_id

    def push(self, at: datetime, **fields: Any) -> Push:
        return Push(integration_id=self.integration_id, token_id=self.token_id, at=at, **fields)

    async def revoke_its_token(self, caller: Caller | None = None) -> None:
        await self.use_cases.integrations.revoke_token(
            caller or self.caller, self.integration_id, self.token_id
        )

    async def other(self, name: str = "Other") -> Shop:
        return await new_shop(self.connections, self.owner, self.use_cases, self.caller, name)


async def new_shop(
    connections: Pool[Record],
    owner: Connection[Record],
    use_cases: UseCases,
    caller: Caller,
    name: str = "Shop",
) -> Shop:
    made = await use_cases.integrations.create(caller, name, with_token=True)
    assert made.token is not None
    return Shop(
        connections=connections,
        owner=owner,
        use_cases=use_cases,
        caller=caller,
        integration_id=made.integration_id,
        token=made.token,
    )


@pytest.fixture
async def shop(
    connections: Pool[Record], database: Connection[Record], use_cases: UseCases, caller: Caller
) -> Shop:
    return await new_shop(connections, database, use_cases, caller)


async def test_a_receipt_tells_what_became_of_its_tables(shop: Shop) -> None:
    three = ("orders", "lines", "customers")
    await keep(
        shop.owner,
        shop.push(NOW, tables=three),
        shop.push(NOW, tables=three, waiting=[1]),
        shop.push(NOW, tables=three, waiting=[0], failed=[2]),
    )

    day = await last_24_hours(shop.connections, shop.integration_id, NOW)

    assert [receipt.state for receipt in day.receipts] == ["failed", "pending", "loaded"]
    assert day.receipts[0].reason == "column type"
    assert day.receipts[0].peer == PEER


async def test_a_day_counts_what_was_sent_within_it(shop: Shop) -> None:
    await keep(
        shop.owner,
        shop.push(NOW - timedelta(hours=25), records=7),
        shop.push(NOW - timedelta(hours=23), records=20),
        shop.push(NOW, records=300),
    )
    await refuse(shop.owner, shop.integration_id, shop.token_id, NOW - timedelta(hours=25))
    await refuse(
        shop.owner, shop.integration_id, shop.token_id, NOW, reason="record_invalid", requests=4
    )

    day = await last_24_hours(shop.connections, shop.integration_id, NOW)

    assert (day.requests, day.records, day.refused) == (2, 320, 4)
    assert [(r.reason, r.token_id, r.requests) for r in day.refusals] == [
        ("record_invalid", shop.token_id, 4)
    ]
    assert sum(hour.accepted for hour in day.chart.hours) == 2
    assert day.chart.hours[-1].refused == 4


async def test_receipts_of_revoked_tokens_count_and_those_of_others_do_not(shop: Shop) -> None:
    other = await shop.other()
    await thousand_pushes(shop.owner, other.integration_id, other.token_id, NOW)
    await thousand_pushes(shop.owner, shop.integration_id, shop.token_id, NOW)
    await shop.revoke_its_token()

    day = await last_24_hours(shop.connections, shop.integration_id, NOW)

    assert day.requests == 1000
    assert len(day.receipts) == 10
    assert {receipt.token_id for receipt in day.receipts} == {shop.token_id}


async def test_tokens_tell_who_made_them_and_who_uses_them(shop: Shop) -> None:
    second = await shop.use_cases.integrations.generate_token(shop.caller, shop.integration_id)
    await keep(
        shop.owner,
        shop.push(NOW - timedelta(hours=1)),
        shop.push(NOW),
    )
    await shop.use_cases.integrations.label_token(
        shop.caller, shop.integration_id, shop.token_id, "the old server"
    )

    newer, older = await active_tokens(shop.connections, shop.integration_id)

    assert newer.token_id == second.token_id
    assert newer.last_four == second.access_token[-4:]
    assert (newer.first_used_at, newer.label) == (None, None)
    assert older.generated_by == "system"
    assert older.label == "the old server"
    assert (older.first_used_at, older.last_used_at) == (NOW - timedelta(hours=1), NOW)
    assert older.last_peer == PEER


async def test_a_revoked_token_tells_who_still_comes_with_it(shop: Shop) -> None:
    await shop.revoke_its_token()
    await refuse(shop.owner, shop.integration_id, shop.token_id, NOW, requests=12)

    (revoked,) = await revoked_tokens(shop.connections, shop.integration_id, NOW)

    assert revoked.last_four == shop.token.access_token[-4:]
    assert (revoked.revoked_by, revoked.refused, revoked.refused_peer) == ("system", 12, PEER)


async def test_a_label_can_be_changed_and_taken_away(shop: Shop) -> None:
    for label, shown in [("one", "one"), ("two", "two"), ("", None), ("", None)]:
        await shop.use_cases.integrations.label_token(
            shop.caller, shop.integration_id, shop.token_id, label
        )
        (entry,) = await active_tokens(shop.connections, shop.integration_id)

        assert entry.label == shown


@pytest.mark.parametrize("label", ["x" * 81, "two\nlines", "   ", "nul\0"])
async def test_an_unfit_label_is_refused(label: str, shop: Shop) -> None:
    with pytest.raises(TokenLabelUnusable):
        await shop.use_cases.integrations.label_token(
            shop.caller, shop.integration_id, shop.token_id, label
        )


async def test_nobody_labels_what_is_not_theirs(stranger: OpenedAccount, shop: Shop) -> None:
    auditor = Caller(account_id=shop.caller.account_id, role="auditor", actor="member/3")
    other = await shop.other()

    with pytest.raises(IntegrationNotFound):
        await shop.use_cases.integrations.label_token(
            system_caller(stranger.account_id), shop.integration_id, shop.token_id, "mine"
        )
    with pytest.raises(RoleForbids):
        await shop.use_cases.integrations.label_token(
            auditor, shop.integration_id, shop.token_id, "mine"
        )
    with pytest.raises(TokenNotFound):
        await shop.use_cases.integrations.label_token(
            shop.caller, other.integration_id, shop.token_id, "mine"
        )


async def test_activity_is_told_in_sentences_newest_first(shop: Shop) -> None:
    ada = Caller(account_id=shop.caller.account_id, role="owner", actor="member/3")
    await shop.revoke_its_token(ada)

    page = await integration_activity(
        shop.connections, shop.integration_id, {"member/3": "ada@acme.example"}
    )

    newest = page.entries[0]
    assert newest.actor == "ada@acme.example"
    assert newest.sentence == f"revoked token {shop.token_id} of this integration"
    assert [entry.actor for entry in page.entries[1:]] == ["The operator", "The operator"]
    assert page.older is None


async def test_activity_goes_on_from_page_to_page(
    monkeypatch: pytest.MonkeyPatch, shop: Shop
) -> None:
    monkeypatch.setattr(activity, "ENTRIES_SHOWN", 2)
    for _ in range(2):
        token = await shop.use_cases.integrations.generate_token(shop.caller, shop.integration_id)
        await shop.use_cases.integrations.revoke_token(
            shop.caller, shop.integration_id, token.token_id
        )
    numbers: list[int] = []
    before: int | None = activity.VERSION_MAX

    while before is not None:
        page = await integration_activity(shop.connections, shop.integration_id, {}, before=before)
        numbers += [entry.number for entry in page.entries]
        before = page.older

    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 6


async def test_an_auditor_reads_the_facts_of_the_own_account_alone(
    stranger: OpenedAccount, shop: Shop
) -> None:
    theirs = await shop.use_cases.integrations.create(system_caller(stranger.account_id), "Theirs")

    page = await account_activity(shop.connections, shop.caller.account_id, ActivityFilters(), {})
    asked = ActivityFilters(integration_id=IntegrationId(theirs.integration_id))
    peeked = await account_activity(shop.connections, shop.caller.account_id, asked, {})

    assert {entry.integration_id for entry in page.entries} == {None, shop.integration_id}
    assert any("for Shop" in entry.sentence for entry in page.entries)
    assert not peeked.entries


async def test_facts_are_found_by_type_person_integration_and_time(shop: Shop) -> None:
    ada = Caller(account_id=shop.caller.account_id, role="owner", actor="member/3")
    await shop.use_cases.integrations.generate_token(ada, shop.integration_id)
    whole = (
        await account_activity(shop.connections, shop.caller.account_id, ActivityFilters(), {})
    ).entries
    newest = whole[0]

    async def found(filters: ActivityFilters) -> list[int]:
        page = await account_activity(shop.connections, shop.caller.account_id, filters, {})
        return [entry.number for entry in page.entries]

    assert await found(ActivityFilters(type="IntegrationCreated")) == [whole[2].number]
    assert await found(ActivityFilters(actor="member/3")) == [newest.number]
    assert await found(ActivityFilters(integration_id=shop.integration_id)) == [
        t.number for t in whole[:3]
    ]
    assert await found(ActivityFilters(since=newest.at)) == [newest.number]
    assert await found(ActivityFilters(until=newest.at)) == [entry.number for entry in whole[1:]]


async def test_who_could_write_is_what_the_fold_says(shop: Shop) -> None:
    """At every size of a history with pauses, a deletion and tokens that come and go."""
    other = await shop.other()
    second = await shop.use_cases.integrations.generate_token(shop.caller, shop.integration_id)
    for change in (
        PauseIntegration(paused_at="2026-11-23T12:00:00Z"),
        ResumeIntegration(),
        PauseIntegration(paused_at="2026-11-24T12:00:00Z"),
    ):
        await shop.use_cases.integrations.change(shop.caller, shop.integration_id, [change])
        await shop.use_cases.integrations.delete(shop.caller, other.integration_id)
    await shop.use_cases.integrations.revoke_token(
        shop.caller, shop.integration_id, second.token_id
    )
    await shop.use_cases.integrations.change(
        shop.caller, shop.integration_id, [ResumeIntegration()]
    )
    size = await shop.owner.fetchval("SELECT size FROM ledger.head")

    for until in range(size + 1):
        rows = await shop.connections.fetch(
            load_queries("services.tokens.web")["account_tokens_as_of"],
            until,
            shop.caller.account_id,
            100,
            0,
        )
        everybody = await shop.connections.fetch(
            load_queries("services.tokens")["tokens_that_could_write"], until
        )
        fold = await shop.connections.fetch(
            "SELECT token_id, integration_id, schema_name, generated_number"
            " FROM tokens.active_tokens_as_of($1) WHERE state = 'active' ORDER BY token_id",
            until,
        )

        assert everybody == fold, until
        assert [row["token_id"] for row in rows] == [row["token_id"] for row in fold], until


async def test_a_long_list_of_who_could_write_is_turned_over(
    monkeypatch: pytest.MonkeyPatch, auditor: Person, shop: Shop
) -> None:
    monkeypatch.setattr(audit, "TOKENS_PAGE_SIZE", 2)
    ids = [shop.token_id, *[(await shop.other(f"Other {n}")).token_id for n in range(2)]]
    at = "/audit/as-of?moment=2999-01-01T00:00:00"

    first, last, beyond = [await auditor.get(f"{at}&page={page}") for page in (1, 2, 3)]

    for seen, shown in ((first, ids[:2]), (last, ids[2:]), (beyond, [])):
        assert [int(n) for n in re.findall(">Token ([0-9]+)<", seen.text)] == shown
    assert "3 tokens could push" in first.text
    assert "3 tokens could push" in last.text
    assert "Page 2 of 2" in last.text
    assert "there is no page" in beyond.text


async def test_the_export_is_what_is_stored_of_the_account(
    stranger: OpenedAccount, shop: Shop
) -> None:
    await shop.use_cases.integrations.create(system_caller(stranger.account_id), "Theirs")
    stored = await shop.owner.fetch(
        "SELECT record::text FROM ledger.event WHERE stream IN ($1, $2) ORDER BY number",
        f"account/{shop.caller.account_id}",
        f"integration/{shop.integration_id}",
    )

    lines = b"".join(
        [
            piece
            async for piece in activity.export_lines(
                shop.connections, shop.caller.account_id, ActivityFilters()
            )
        ]
    )

    assert lines.decode().splitlines() == [row["record"] for row in stored]


async def test_the_check_finds_a_row_that_the_log_does_not_know(shop: Shop) -> None:
    await shop.owner.execute(
        "UPDATE tokens.active_tokens SET state = 'paused' WHERE integration_id = $1",
        shop.integration_id,
    )

    verdict = await Verifier(shop.connections, SystemClock()).verify()

    assert not verdict.ok
    assert verdict.differences == {"active_tokens": 1}


async def test_the_check_holds_the_log_to_what_was_signed(shop: Shop) -> None:
    verifier = Verifier(shop.connections, SystemClock())
    unsigned = await verifier.verify()
    await sign(shop.owner)
    await shop.use_cases.integrations.generate_token(shop.caller, shop.integration_id)

    signed = await verifier.verify()

    assert not unsigned.checkpoint.ok
    assert signed.ok
    assert signed.checkpoint.message == (
        "The first 4 events match the newest signed checkpoint; 1 newer event is not signed yet."
    )
    assert verifier.last_verdict == signed


async def test_the_check_sees_a_rewritten_event(shop: Shop) -> None:
    await sign(shop.owner)
    async with unguarded(shop.owner):
        await shop.owner.execute(
            "UPDATE ledger.event SET record = replace(record::text, 'Shop', 'Shup')::json"
            " WHERE type = 'IntegrationCreated'"
        )

    verdict = await Verifier(shop.connections, SystemClock()).verify()

    assert not verdict.checkpoint.ok
    assert "differ from the events that were signed" in verdict.checkpoint.message
    # The row of the live table is as it was, and no longer what the log says.
    assert verdict.differences == {"integrations": 1}


async def test_the_check_looks_at_the_log_itself(shop: Shop) -> None:
    """At its head and at its columns, which a table and its fold would both believe."""
    await sign(shop.owner)
    await shop.owner.execute("UPDATE ledger.head SET size = size + 1")

    verdict = await Verifier(shop.connections, SystemClock()).verify()

    assert not verdict.ok
    assert verdict.differences == {"event": 1}


async def test_the_check_misses_events_that_were_signed(shop: Shop) -> None:
    await sign(shop.owner)
    async with unguarded(shop.owner):
        await shop.owner.execute("DELETE FROM ledger.event WHERE type = 'TokenGenerated'")
        await shop.owner.execute("UPDATE ledger.head SET size = size - 1")

    verdict = await Verifier(shop.connections, SystemClock()).verify()

    assert "4 events were signed but only 3 exist: some are missing." in verdict.checkpoint.message


async def test_only_one_check_runs_at_a_time(shop: Shop) -> None:
    verifier = Verifier(shop.connections, SystemClock())

    one, other = await asyncio.gather(verifier.verify(), verifier.verify(), return_exceptions=True)

    assert isinstance(one, Verdict)
    assert isinstance(other, Busy)
