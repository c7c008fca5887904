"""What the rotation page shows about the old token, depending on the use of both tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Connection, Record

from services.runtime.clock import SystemClock
from services.tokens.domain.permissions import Caller
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web.data.tokens import ActiveToken
from services.tokens.web.views.rotate import IN_USE_WITHIN, OldTokenUse, old_token_use
from tests.tokens.journal_rows import PEER, use
from tests.tokens.person import Person

NEW_AT = datetime(2026, 11, 27, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)

STILL_PUSHES = "is still in use from"
MAKE_SURE = "after the first use of the new token. Make sure"
CAN_GO = "You can revoke it."


def token(*, first: datetime | None = None, last: datetime | None = None) -> ActiveToken:
    return ActiveToken(1, "abcd", NEW_AT, "system", None, first or last, PEER, last, PEER)


@pytest.mark.parametrize(
    ("old_last", "now", "expected"),
    [
        (None, NEW_AT, "unused since"),
        (NEW_AT - HOUR, NEW_AT, "unused since"),
        (NEW_AT, NEW_AT, "unused since"),
        (NEW_AT + MOMENT, NEW_AT + HOUR, "used since"),
        (NEW_AT + HOUR, NEW_AT + HOUR + IN_USE_WITHIN, "used since"),
        (NEW_AT + HOUR, NEW_AT + 30 * 24 * HOUR, "used since"),
        (NEW_AT + HOUR, NEW_AT + HOUR + IN_USE_WITHIN - MOMENT, "in use"),
        (NEW_AT + MOMENT, NEW_AT, "in use"),
    ],
)
def test_an_old_token_is_over_when_only_the_new_one_came_since(
    old_last: datetime | None, now: datetime, expected: OldTokenUse
) -> None:
    new = token(first=NEW_AT, last=NEW_AT + HOUR)

    assert old_token_use(token(last=old_last), new, now) == expected


def test_nothing_is_said_of_the_old_token_before_the_new_one_was_used() -> None:
    assert old_token_use(token(last=NEW_AT), token(), NEW_AT) is None
    assert old_token_use(token(last=NEW_AT), None, NEW_AT) is None


@pytest.mark.parametrize(
    ("old_used_before", "expected", "primary"),
    [
        (timedelta(hours=2), CAN_GO, True),
        (timedelta(minutes=16), MAKE_SURE, False),
        (timedelta(minutes=1), STILL_PUSHES, False),
    ],
    ids=["unused since", "used since", "in use"],
)
async def test_only_a_token_that_nobody_came_with_since_is_said_to_be_free_to_go(
    old_used_before: timedelta,
    expected: str,
    primary: bool,  # noqa: FBT001 - by name, from the list above
    member: Person,
    use_cases: UseCases,
    caller: Caller,
    database: Connection[Record],
) -> None:
    """An app that comes by the hour or by night is seldom seen in the last quarter of an hour."""
    made = await use_cases.integrations.create(caller, "Shop", with_token=True)
    assert made.token is not None
    new = await use_cases.integrations.generate_token(caller, made.integration_id)
    now = SystemClock().now()
    await use(database, made.integration_id, new.token_id, now - HOUR)
    await use(database, made.integration_id, made.token.token_id, now - old_used_before)

    at = f"/integrations/{made.integration_id}/rotate"
    for path in (at, f"{at}/live"):
        seen = await member.get(path)

        assert [said for said in (STILL_PUSHES, MAKE_SURE, CAN_GO) if said in seen.text] == [
            expected
        ]
        assert ('class="button primary"' in seen.text) is primary
        assert PEER in seen.text
