"""What is counted in memory: by minute, reason and token, and bounded whatever is sent."""

from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.admission import UNKNOWN_OWNER, TokenOwner
from services.ingest.reporting import usage_stats as counting
from services.ingest.reporting.usage_stats import (
    REFUSAL_KEYS_PER_MINUTE_MAX,
    RefusalKey,
    RefusalTotals,
    TokenUse,
    UsageStats,
)
from services.journal.candidates import TokenRow

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
TOKEN = TokenRow(token_id=9, integration_id=4, client_id=1, state="active")


def refuse(
    counts: UsageStats,
    reason: str = "token_unknown",
    whose: TokenOwner = UNKNOWN_OWNER,
    *,
    now: datetime = NOON,
    peer: str | None = None,
) -> None:
    counts.add_refusal(reason, whose, now=now, body_bytes=10, peer=peer)


def test_requests_of_one_kind_in_one_minute_are_one_row() -> None:
    counts = UsageStats()
    refuse(counts, peer="::1", now=NOON + SECOND)
    refuse(counts, peer="::2", now=NOON + 2 * SECOND)
    refuse(counts, "token_mangled")
    refuse(counts, whose=TokenOwner(4, 9))
    refuse(counts, now=NOON + MINUTE)

    refusals = counts.take().refusals

    assert len(refusals) == 4
    assert refusals[RefusalKey(NOON, "token_unknown", UNKNOWN_OWNER)] == RefusalTotals(
        NOON + SECOND, NOON + 2 * SECOND, 2, 20, "::2"
    )


def test_kinds_over_the_limit_of_a_minute_are_counted_under_their_reason() -> None:
    """Also when they were written meanwhile: the limit is one of rows in the table."""
    counts = UsageStats()
    for token_id in range(REFUSAL_KEYS_PER_MINUTE_MAX - 1):
        refuse(counts, whose=TokenOwner(1, token_id))
    first = counts.take().refusals
    for token_id in range(REFUSAL_KEYS_PER_MINUTE_MAX + 10):
        refuse(counts, whose=TokenOwner(1, token_id))
    second = counts.take().refusals

    assert len(first.keys() | second.keys()) == REFUSAL_KEYS_PER_MINUTE_MAX + 1
    assert second[RefusalKey(NOON, "token_unknown", UNKNOWN_OWNER)].requests == 10


def test_the_next_minute_has_its_own_limit() -> None:
    counts = UsageStats()
    for token_id in range(REFUSAL_KEYS_PER_MINUTE_MAX + 1):
        refuse(counts, whose=TokenOwner(1, token_id))
    refuse(counts, whose=TokenOwner(1, REFUSAL_KEYS_PER_MINUTE_MAX), now=NOON + MINUTE)

    assert (
        RefusalKey(NOON + MINUTE, "token_unknown", TokenOwner(1, REFUSAL_KEYS_PER_MINUTE_MAX))
        in counts.take()[1]
    )


def test_what_waits_for_the_database_is_bounded_for_as_long_as_it_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "REFUSAL_ROWS_MAX", 5)
    counts = UsageStats()
    for minute in range(100):
        refuse(counts, now=NOON + minute * MINUTE)
        counts.restore(counts.take())

    refusals = counts.take().refusals

    assert len(refusals) <= 6
    assert sum(refused.requests for refused in refusals.values()) == 100


def test_the_first_and_the_last_use_are_kept() -> None:
    counts = UsageStats()
    counts.add_uses([(TOKEN, "::1", NOON), (TOKEN, "::2", NOON + SECOND)])
    taken = counts.take()
    counts.add_uses([(TOKEN, "::3", NOON + MINUTE)])
    counts.restore(taken)

    assert counts.take().uses == {9: TokenUse(4, NOON, "::1", NOON + MINUTE, "::3")}


def test_what_is_put_back_is_added_to_what_came_since() -> None:
    counts = UsageStats()
    refuse(counts, peer="::1")
    taken = counts.take()
    refuse(counts, now=NOON + SECOND, peer="::2")
    counts.restore(taken)

    assert counts.take().refusals == {
        RefusalKey(NOON, "token_unknown", UNKNOWN_OWNER): RefusalTotals(
            NOON, NOON + SECOND, 2, 20, "::2"
        )
    }
