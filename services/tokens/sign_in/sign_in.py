"""Sign in with an e-mail address and a password, and change the password."""

from __future__ import annotations

import asyncio

from asyncpg import Pool, Record

from events.ids import MemberId
from events.sql_files import load_queries
from services.runtime.clock import Clock
from services.runtime.logs import Log
from services.tokens.domain.email_address import normalize_email
from services.tokens.refusals import PasswordWrong, SignInRefused, TooManyAttempts
from services.tokens.sign_in.login_throttle import LoginThrottle
from services.tokens.sign_in.passwords import Passwords, require_valid_password
from services.tokens.sign_in.sessions import Sessions, SignedIn


class SignIn:
    def __init__(
        self, pool: Pool[Record], clock: Clock, passwords: Passwords, sessions: Sessions
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = LoginThrottle(pool, clock)
        self._queries = load_queries("services.tokens")

    async def sign_in(
        self, email: str, password: str, *, peer: str | None, replaces: str | None
    ) -> str:
        """The new session's secret. Raises SignInRefused, TooManyAttempts or Busy.

        An unknown address takes the same steps as a wrong password, and the same time.
        """
        email = normalize_email(email)
        try:
            with self._passwords.queue_slot():
                await self._throttle_delay(email, peer)
                member_id = await self._member_with(email, password)
        except TooManyAttempts as error:
            Log().warning("sign_in.refused", code=error.code, peer=peer)
            raise
        if member_id is None:
            await self._throttle.record_failure(email, peer)
            Log().warning("sign_in.refused", code=SignInRefused.code, peer=peer)
            raise SignInRefused
        await self._throttle.reset(email, peer)
        Log().info("session.started", member_id=member_id, peer=peer)
        return await self._sessions.begin(member_id, peer=peer, replaces=replaces)

    async def change_password(
        self, signed_in: SignedIn, current: str, new: str, *, peer: str | None
    ) -> str:
        """The secret of the session that continues; all others end.

        Raises PasswordUnusable, PasswordWrong, TooManyAttempts or Busy.
        """
        require_valid_password(new)
        with self._passwords.queue_slot():
            await self._throttle_delay(signed_in.email, peer)
            person = await self._pool.fetchrow(self._queries["person_by_id"], signed_in.member_id)
            known = None if person is None else person["password_hash"]
            if not await self._passwords.matches(known, current):
                await self._throttle.record_failure(signed_in.email, peer)
                raise PasswordWrong
            password_hash = await self._passwords.hash(new)
        async with self._pool.acquire() as connection, connection.transaction():
            now = self._clock.now()
            await connection.execute(
                self._queries["set_password"], signed_in.member_id, password_hash, now
            )
            await connection.execute(self._queries["end_sessions_of_member"], signed_in.member_id)
            await connection.execute(self._queries["delete_links"], signed_in.member_id)
        return await self._sessions.begin(signed_in.member_id, peer=peer, replaces=None)

    async def _throttle_delay(self, email: str, peer: str | None) -> None:
        seconds = await self._throttle.delay_seconds(email, peer)
        if seconds:
            await asyncio.sleep(seconds)

    async def _member_with(self, email: str, password: str) -> MemberId | None:
        row = await self._pool.fetchrow(self._queries["person_by_email"], email)
        known = None if row is None else row["password_hash"]
        if not await self._passwords.matches(known, password):
            return None
        assert row is not None, "a password matched"
        return MemberId(row["member_id"])
