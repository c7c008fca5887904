"""The login throttle: failed sign-ins delay further attempts, and refuse them for a while.

Failures are counted in the database, so that they apply to all processes and survive restarts. The
counts decay with time.
"""

from __future__ import annotations

import hashlib
import ipaddress
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
# One site is usually assigned at least a /64, and can use any address in it.
IPV6_PREFIX_BITS = 64


class LoginThrottle:
    def __init__(self, pool: Pool[Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._queries = load_queries("services.tokens")

    async def delay_seconds(self, email: str, peer: str | None) -> float:
        """How long this attempt must be delayed. Raises TooManyAttempts.

        The result does not depend on whether the e-mail address exists. Only failures from the
        same peer lead to a refusal: otherwise an attacker could lock the person out.
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
        if beyond < 0:
            return 0.0
        doublings = min(beyond, DOUBLINGS_MAX)
        return min(LOGIN_DELAY_SECONDS_MIN * (1 << doublings), LOGIN_DELAY_SECONDS_MAX)

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
        """Deletes the failures of this pair; those of the peer with other addresses remain."""
        _, _, of_pair = _keys(email, peer)
        await self._pool.execute(self._queries["reset_sign_in_failures"], of_pair)


def _keys(email: str, peer: str | None) -> tuple[bytes, bytes, bytes]:
    """Of the e-mail address, of the peer, of both. Hashed: the table must not list addresses."""
    network = _network(peer or "")
    return _key("email", email), _key("peer", network), _key("pair", f"{network} {email}")


def _network(peer: str) -> str:
    """The /64 of an IPv6 address; an IPv4 address, also a mapped one, counts alone."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, IPV6_PREFIX_BITS), strict=False))


def _key(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"{kind} {text}".encode("utf-8", "surrogatepass")).digest()


def _decayed(failures: float, last_at: datetime, now: datetime) -> float:
    minutes = max(0.0, (now - last_at).total_seconds() / 60)
    return max(0.0, failures - minutes * FAILURES_DECAY_PER_MINUTE)
