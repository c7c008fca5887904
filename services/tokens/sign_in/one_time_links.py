"""One-time links: the person who opens one chooses a password and is signed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg
from asyncpg import Pool, Record

from events.ids import MemberId
from events.log import AnyConnection
from events.sql_files import load_queries
from events.types import Role
from services.runtime.clock import Clock
from services.runtime.logs import Log
from services.tokens.domain.email_address import parse_email
from services.tokens.limits import LINK_HOURS
from services.tokens.refusals import EmailTaken, LinkUnknown
from services.tokens.sign_in.passwords import Passwords, require_valid_password
from services.tokens.sign_in.secrets import new_secret, secret_hash

EMAIL_CONSTRAINT = "people_email"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewLink:
    """``secret`` is returned to the caller once and stored nowhere."""

    member_id: MemberId
    expires_at: datetime
    secret: str = field(repr=False)

    @property
    def path(self) -> str:
        return f"/link/{self.secret}"


class OpenLink(NamedTuple):
    """``email``: None when the person who uses the link has yet to enter it."""

    member_id: MemberId
    expires_at: datetime
    email: str | None
    role: Role
    account_name: str


def new_link(member_id: MemberId, now: datetime, secret: str | None = None) -> NewLink:
    return NewLink(
        member_id=member_id,
        expires_at=now + timedelta(hours=LINK_HOURS),
        secret=secret or new_secret(),
    )


async def store_link(connection: AnyConnection, link: NewLink) -> None:
    """In the caller's transaction. Replaces an earlier link of the member."""
    query = load_queries("services.tokens")["store_link"]
    await connection.execute(query, secret_hash(link.secret), link.member_id, link.expires_at)


class OneTimeLinks:
    def __init__(self, pool: Pool[Record], clock: Clock, passwords: Passwords) -> None:
        self._pool = pool
        self._clock = clock
        self._passwords = passwords
        self._queries = load_queries("services.tokens")

    async def find(self, secret: str) -> OpenLink:
        """Read only, since mail scanners open links. Raises LinkUnknown."""
        row = await self._pool.fetchrow(
            self._queries["link"], secret_hash(secret), self._clock.now()
        )
        if row is None:
            raise LinkUnknown
        return OpenLink(*row)

    async def use(self, secret: str, *, email: str, password: str, peer: str | None) -> str:
        """The secret of a new session; the member's other sessions end.

        ``email`` is used only if the member has none yet. When it raises (LinkUnknown,
        PasswordUnusable, EmailUnusable, EmailTaken) the link remains valid.
        """
        link = await self.find(secret)
        require_valid_password(password)
        wanted = parse_email(email) if link.email is None else link.email
        password_hash = await self._passwords.hash(password)
        session, now = new_secret(), self._clock.now()
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                found = await connection.fetchval(
                    self._queries["use_link"], secret_hash(secret), now
                )
                if found is None:
                    raise LinkUnknown
                await connection.execute(self._queries["set_email"], found, wanted)
                await connection.execute(self._queries["set_password"], found, password_hash, now)
                await connection.execute(self._queries["end_sessions_of_member"], found)
                await connection.execute(
                    self._queries["begin_session"], secret_hash(session), found, now, peer
                )
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != EMAIL_CONSTRAINT:
                raise
            raise EmailTaken from error
        Log().info("password.chosen", member_id=found, peer=peer)
        return session
