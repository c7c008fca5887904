"""Expiry of sessions, links and failures; no one can lock another person out."""

from __future__ import annotations

import pytest
from asyncpg import Connection, Pool, Record

from services.tokens.domain.email_address import parse_email
from services.tokens.domain.permissions import Caller
from services.tokens.limits import FAILURES_PER_PAIR_MAX, LINK_HOURS, LOGIN_DELAY_SECONDS_MAX
from services.tokens.refusals import Busy, EmailUnusable, LinkUnknown, TooManyAttempts
from services.tokens.sign_in.login_throttle import LoginThrottle
from services.tokens.sign_in.one_time_links import OneTimeLinks
from services.tokens.sign_in.passwords import HashCost, Passwords
from services.tokens.sign_in.sessions import SessionLimits, Sessions
from services.tokens.use_cases.use_cases import UseCases
from tests.tokens.setclock import SetClock

EMAIL, ATTACKER, HOME = "ada@example.com", "203.0.113.9", "198.51.100.7"
LIMITS = SessionLimits(idle_seconds=3_600, seconds_max=36_000)
CHEAP = HashCost(memory_kib=8, passes=1)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def sessions(connections: Pool[Record], clock: SetClock) -> Sessions:
    return Sessions(connections, clock, LIMITS)


@pytest.fixture
def attempts(connections: Pool[Record], clock: SetClock) -> LoginThrottle:
    return LoginThrottle(connections, clock)


@pytest.fixture
async def secret(use_cases: UseCases, caller: Caller, sessions: Sessions) -> str:
    link = await use_cases.members.invite(caller, EMAIL, "owner")
    return await sessions.begin(link.member_id, peer=HOME, replaces=None)


async def test_a_session_ends_when_it_is_idle(
    sessions: Sessions, secret: str, clock: SetClock
) -> None:
    clock.goes_on(minutes=59)
    assert await sessions.find(secret) is not None
    clock.goes_on(minutes=59)
    assert await sessions.find(secret) is not None
    clock.goes_on(minutes=61)

    assert await sessions.find(secret) is None


async def test_a_session_ends_however_busy_it_is(
    sessions: Sessions, secret: str, clock: SetClock
) -> None:
    for _ in range(19):
        clock.goes_on(minutes=30)
        assert await sessions.find(secret) is not None
    clock.goes_on(minutes=31)

    assert await sessions.find(secret) is None


async def test_of_secrets_only_hashes_are_kept(
    secret: str, use_cases: UseCases, caller: Caller, database: Connection[Record]
) -> None:
    link = await use_cases.members.invite(caller, "bob@example.com", "owner")
    rows = [
        *await database.fetch("SELECT s::text FROM tokens.sessions s"),
        *await database.fetch("SELECT l::text FROM tokens.one_time_links l"),
    ]

    assert len(rows) == 3
    assert secret not in str(rows)
    assert link.secret not in str(rows)


async def test_a_link_expires(
    connections: Pool[Record], use_cases: UseCases, caller: Caller
) -> None:
    link = await use_cases.members.invite(caller, EMAIL, "owner")
    later = SetClock(link.expires_at)
    links = OneTimeLinks(connections, later, Passwords(CHEAP))
    later.goes_on(seconds=-1)
    assert (await links.find(link.secret)).email == EMAIL
    later.goes_on(seconds=1)

    with pytest.raises(LinkUnknown):
        await links.find(link.secret)
    assert LINK_HOURS <= 24 * 7


async def test_time_forgives_failures(attempts: LoginThrottle, clock: SetClock) -> None:
    for _ in range(FAILURES_PER_PAIR_MAX):
        await attempts.record_failure(EMAIL, ATTACKER)
    with pytest.raises(TooManyAttempts):
        await attempts.delay_seconds(EMAIL, ATTACKER)
    clock.goes_on(minutes=1)

    assert await attempts.delay_seconds(EMAIL, ATTACKER) >= 0


async def test_an_attacker_elsewhere_cannot_be_used_to_keep_somebody_out(
    attempts: LoginThrottle,
) -> None:
    for n in range(100):
        await attempts.record_failure(EMAIL, f"2001:db8::{n:x}")

    assert await attempts.delay_seconds(EMAIL, HOME) == LOGIN_DELAY_SECONDS_MAX


async def test_one_place_cannot_be_used_to_try_many_addresses(attempts: LoginThrottle) -> None:
    for n in range(50):
        await attempts.record_failure(f"somebody{n}@example.com", ATTACKER)

    with pytest.raises(TooManyAttempts):
        await attempts.delay_seconds("another@example.com", ATTACKER)


async def test_the_addresses_of_one_ipv6_network_cannot_be_used_to_try_more_often(
    attempts: LoginThrottle,
) -> None:
    for n in range(FAILURES_PER_PAIR_MAX):
        await attempts.record_failure(EMAIL, f"2001:db8:0:1:{n:x}::1")

    with pytest.raises(TooManyAttempts):
        await attempts.delay_seconds(EMAIL, "2001:db8:0:1:ffff::2")
    assert await attempts.delay_seconds(EMAIL, "2001:db8:0:2::1") >= 0


async def test_an_ipv4_address_is_one_peer_in_either_notation(attempts: LoginThrottle) -> None:
    for _ in range(FAILURES_PER_PAIR_MAX):
        await attempts.record_failure(EMAIL, "::ffff:203.0.113.7")

    with pytest.raises(TooManyAttempts):
        await attempts.delay_seconds(EMAIL, "203.0.113.7")
    assert await attempts.delay_seconds(EMAIL, "::ffff:203.0.113.8") >= 0


async def test_a_good_sign_in_forgives_the_slips_before_it(attempts: LoginThrottle) -> None:
    for _ in range(FAILURES_PER_PAIR_MAX - 1):
        await attempts.record_failure(EMAIL, HOME)
    await attempts.reset(EMAIL, HOME)
    await attempts.record_failure(EMAIL, HOME)

    assert await attempts.delay_seconds(EMAIL, HOME) >= 0


async def test_failures_are_forgotten_and_name_nobody(
    attempts: LoginThrottle, clock: SetClock, database: Connection[Record]
) -> None:
    await attempts.record_failure(EMAIL, ATTACKER)
    kept = str(await database.fetch("SELECT f::text FROM tokens.sign_in_failures f"))
    clock.goes_on(hours=2)
    await attempts.record_failure("bob@example.com", HOME)

    assert "example" not in kept
    assert await database.fetchval("SELECT count(*) FROM tokens.sign_in_failures") == 3


async def test_passwords_are_hashed_in_bounded_numbers() -> None:
    passwords = Passwords(CHEAP)
    entered = [passwords.queue_slot() for _ in range(18)]
    for room in entered:
        room.__enter__()

    with pytest.raises(Busy), passwords.queue_slot():
        pass


async def test_a_password_matches_itself_and_nothing_else() -> None:
    passwords = Passwords(CHEAP)
    kept = await passwords.hash("correct horse battery")

    assert kept.startswith("$argon2id$")
    assert await passwords.matches(kept, "correct horse battery")
    assert not await passwords.matches(kept, "correct horse batterz")
    assert not await passwords.matches(None, "correct horse battery")
    assert not await passwords.matches(kept, "correct horse battery" + "x" * 2000)


@pytest.mark.parametrize(
    ("typed", "email"),
    [(" Ada@Example.COM ", "ada@example.com"), ("\uff41@b.example", "a@b.example")],
)
def test_two_ways_to_type_an_address_are_one(typed: str, email: str) -> None:
    assert parse_email(typed) == email


@pytest.mark.parametrize(
    "typed", ["", "ada", "ada@", "@b", "a b@c", "a@b@c", "<b>@c", "a@b\x00", "a@" + "b" * 260]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(EmailUnusable):
        parse_email(typed)
