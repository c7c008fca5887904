"""How failures to sign in slow down those who guess, and never lock anybody out for long.

Counted in the database, so that it holds over all processes and their restarts; time forgives.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from asyncpg import Pool, Record

from events.sql_files import load_queries
from services.runtime.clock import Clock
from services.tokens.limits import (
    FAILURES_BEFORE_DELAY,
    FAILURES_DECAY_PER_MINUTE,
    FAILURES_PER_PAIR_MAX,
    FAILURES_PER_PEER_MAX,
    FAILURES_RETENTION_MINUTES,
    LOGIN_DELAY_SECONDS_MAX,
)
from services.tokens.refusals import TooManyAttempts

LOGIN_DELAY_SECONDS_MIN = 0.25
DOUBLINGS_MAX = 10


class LoginThrottle:
    def __init__(self, pool: Pool[Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._queries = load_queries("services.tokens")

    async def delay_seconds(self, email: str, peer: str | None) -> float:
        """How long this attempt has to wait. Raises TooManyAttempts.

        Whether somebody has the address makes no difference. Only failures from the same peer
        lead to a no: with those of others, an attacker would keep the person out.
        """
        now = self._clock.now()
        of_email, of_peer, of_pair = _keys(email, peer)
        rows = await self._pool.fetch(
            self._queries["sign_in_failures"], [of_email, of_peer, of_pair]
        )
        failures = {row["key"]: _decayed(row["failures"], row["last_at"], now) for row in rows}
        if (
            failures.get(of_pair, 0) >= FAILURES_PER_PAIR_MAX
            or failures.get(of_peer, 0) >= FAILURES_PER_PEER_MAX
        ):
            raise TooManyAttempts
        beyond = int(failures.get(of_email, 0)) - FAILURES_BEFORE_DELAY
        doubled = min(max(beyond, 0), DOUBLINGS_MAX)
        return (
            0.0
            if beyond < 0
            else min(LOGIN_DELAY_SECONDS_MIN * 2**doubled, LOGIN_DELAY_SECONDS_MAX)
        )

    async def record_failure(self, email: str, peer: str | None) -> None:
        now = self._clock.now()
        await self._pool.execute(
            self._queries["count_sign_in_failure"],
            list(_keys(email, peer)),
            now,
            float(FAILURES_DECAY_PER_MINUTE),
        )
        oldest = now - timedelta(minutes=FAILURES_RETENTION_MINUTES)
        await self._pool.execute(self._queries["delete_expired_failures"], oldest)

    async def reset(self, email: str, peer: str | None) -> None:
        """Forgives this person's slips from here; those of the peer with others stay."""
        _, _, of_pair = _keys(email, peer)
        await self._pool.execute(self._queries["reset_sign_in_failures"], of_pair)


def _keys(email: str, peer: str | None) -> tuple[bytes, bytes, bytes]:
    """Of the address, of the peer, of both. Hashed: this is no list of addresses."""
    return (
        _key("email", email),
        _key("peer", peer or ""),
        _key("pair", f"{peer or ''} {email}"),
    )


def _key(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"{kind} {text}".encode("utf-8", "surrogatepass")).digest()


def _decayed(failures: float, last_at: datetime, now: datetime) -> float:
    minutes = max(0.0, (now - last_at).total_seconds() / 60)
    return max(0.0, failures - minutes * FAILURES_DECAY_PER_MINUTE)
