"""Sessions: they end when idle too long, too old, or when the member is removed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from asyncpg import Pool, Record

from events.ids import AccountId, MemberId
from events.sql_files import load_queries
from services.runtime.clock import Clock
from services.tokens.domain.permissions import Caller
from services.tokens.sign_in.secrets import new_secret, secret_hash

# How far the stored time of the last visit may lag: not every request writes it.
SEEN_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionLimits:
    idle_seconds: int
    seconds_max: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """``notice``: a message from the previous page, shown once."""

    member_id: MemberId
    email: str
    caller: Caller
    secret: str = field(repr=False)
    notice: dict[str, Any] | None = None

    @property
    def csrf_token(self) -> str:
        return csrf_token(self.secret)

    def with_secret(self, secret: str) -> SignedIn:
        """The same member in the session that replaces this one."""
        return replace(self, secret=secret)


class OpenSession(NamedTuple):
    key: bytes
    begun_at: datetime
    seen_at: datetime
    peer: str | None


def csrf_token(secret: str) -> str:
    """The token that every form of this session carries, against cross-site request forgery."""
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), b"form", "sha256").hex()


class Sessions:
    def __init__(self, pool: Pool[Record], clock: Clock, limits: SessionLimits) -> None:
        self._pool = pool
        self._clock = clock
        self._limits = limits
        self._queries = load_queries("services.tokens")

    async def begin(self, member_id: MemberId, *, peer: str | None, replaces: str | None) -> str:
        """Returns a new secret: one that existed before may be known to others.

        ``replaces``: the secret that the browser sent; its session ends.
        """
        secret, now = new_secret(), self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            if replaces is not None:
                await connection.execute(self._queries["end_session"], secret_hash(replaces))
            await connection.execute(
                self._queries["begin_session"], secret_hash(secret), member_id, now, peer
            )
            begun_after = now - timedelta(seconds=self._limits.seconds_max)
            await connection.execute(self._queries["delete_expired_sessions"], begun_after)
            await connection.execute(self._queries["delete_expired_forms"], begun_after)
        return secret

    async def find(self, secret: str) -> SignedIn | None:
        now = self._clock.now()
        row = await self._pool.fetchrow(
            self._queries["session"], secret_hash(secret), *self._valid_after(now)
        )
        if row is None:
            return None
        if now - row["seen_at"] > timedelta(seconds=SEEN_SECONDS):
            await self._pool.execute(self._queries["touch_session"], secret_hash(secret), now)
        return SignedIn(
            member_id=row["member_id"],
            email=row["email"] or f"Member {row['member_id']}",
            caller=Caller(
                account_id=AccountId(row["account_id"]),
                role=row["role"],
                actor=f"member/{row['member_id']}",
            ),
            secret=secret,
            notice=None if row["notice"] is None else orjson.loads(row["notice"]),
        )

    async def list_for_member(self, member_id: MemberId) -> list[OpenSession]:
        """Newest first."""
        rows = await self._pool.fetch(
            self._queries["sessions_of_member"], member_id, *self._valid_after(self._clock.now())
        )
        return [OpenSession(*row) for row in rows]

    async def set_notice(self, signed_in: SignedIn, notice: dict[str, Any] | None) -> None:
        text = None if notice is None else orjson.dumps(notice).decode()
        await self._pool.execute(self._queries["set_notice"], secret_hash(signed_in.secret), text)

    async def end(self, secret: str) -> None:
        await self._pool.execute(self._queries["end_session"], secret_hash(secret))

    async def end_all(self, member_id: MemberId) -> None:
        """Ends all sessions of the member."""
        await self._pool.execute(self._queries["end_sessions_of_member"], member_id)

    def _valid_after(self, now: datetime) -> tuple[datetime, datetime]:
        return (
            now - timedelta(seconds=self._limits.seconds_max),
            now - timedelta(seconds=self._limits.idle_seconds),
        )
