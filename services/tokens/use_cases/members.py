"""An account's people: invited, given roles, removed. Facts go to the log, addresses beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
from asyncpg import Pool, Record

from events.ids import MemberId
from events.log import AnyConnection
from events.sql_files import load_queries
from events.types import AccountFact, MemberAdded, Role
from services.runtime.clock import Clock
from services.tokens.domain.commands import (
    AccountCommand,
    AddMember,
    ChangeMemberRole,
    MakeMemberLink,
    RemoveMember,
)
from services.tokens.domain.decider import ACCOUNT, Account
from services.tokens.domain.email_address import parse_email
from services.tokens.limits import MEMBERS_MAX
from services.tokens.refusals import EmailTaken, MemberNotFound
from services.tokens.sign_in.one_time_links import EMAIL_CONSTRAINT, NewLink, new_link, store_link
from services.tokens.sign_in.secrets import new_secret
from services.tokens.use_cases.permissions import Caller, Right, require
from services.tokens.use_cases.stream_commands import CommandExecutor, StreamCommand

AccountCommands = Callable[[AnyConnection, Account | None], Awaitable[Sequence[AccountCommand]]]


class MemberEntry(NamedTuple):
    """``arrived``: has a password. ``link_until``: of a one-time link that was not used yet."""

    member_id: MemberId
    role: Role
    added_at: datetime
    email: str | None
    has_password: bool
    link_expires_at: datetime | None
    seen_at: datetime | None


class RemovedEntry(NamedTuple):
    member_id: MemberId
    email: str
    removed_at: datetime


class Members:
    """Every method raises a Refusal when it does not do what is asked."""

    def __init__(self, pool: Pool[Record], clock: Clock, executor: CommandExecutor) -> None:
        self._pool = pool
        self._clock = clock
        self._executor = executor
        self._queries = load_queries("services.tokens")

    async def list_members(self, caller: Caller) -> list[MemberEntry]:
        """Oldest first."""
        require(caller, Right.READ)
        rows = await self._pool.fetch(
            self._queries["members_of_account"], caller.account_id, self._clock.now()
        )
        return [MemberEntry(*row) for row in rows]

    async def list_removed(self, caller: Caller) -> Sequence[RemovedEntry]:
        """Whose address is still kept, last removed first."""
        require(caller, Right.READ)
        rows = await self._pool.fetch(
            self._queries["removed_people"], caller.account_id, MEMBERS_MAX
        )
        return [RemovedEntry(*row) for row in rows]

    async def actor_names(self, caller: Caller) -> dict[str, str]:
        """What people call an actor of the log: ``member/3`` and the address, if it is kept."""
        require(caller, Right.READ)
        rows = await self._pool.fetch(self._queries["names_of_account"], caller.account_id)
        return {f"member/{row['member_id']}": row["email"] for row in rows}

    async def invite(self, caller: Caller, email: str | None, role: Role) -> NewLink:
        """``email``: None when whoever uses the link shall say it."""
        require(caller, Right.MANAGE_MEMBERS)
        wanted = None if email is None else parse_email(email)
        secret = new_secret()

        async def commands(connection: AnyConnection, _: Account | None) -> list[AccountCommand]:
            member_id = MemberId(await connection.fetchval(self._queries["next_member_id"]))
            await connection.execute(
                self._queries["insert_person"], member_id, caller.account_id, wanted
            )
            await store_link(connection, new_link(member_id, self._clock.now(), secret))
            return [AddMember(member_id=member_id, role=role)]

        try:
            facts = await self._to_account(caller, commands)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != EMAIL_CONSTRAINT:
                raise
            raise EmailTaken from error
        (added,) = (fact for fact in facts if isinstance(fact, MemberAdded))
        # Looked up and not taken from the last attempt, whose predecessor may have got through.
        found = await self._pool.fetchrow(self._queries["link_of_member"], added.member_id)
        assert found is not None
        return NewLink(
            member_id=MemberId(added.member_id), expires_at=found["expires_at"], secret=secret
        )

    async def renew_link(self, caller: Caller, member_id: MemberId) -> NewLink:
        """For somebody who forgot the password or let the first link expire."""
        require(caller, Right.MANAGE_MEMBERS)
        link = new_link(member_id, self._clock.now())

        async def commands(
            connection: AnyConnection, account: Account | None
        ) -> list[AccountCommand]:
            # Beside the log only for a member of this account; for another the domain says no.
            if account is not None and member_id in account.members:
                await store_link(connection, link)
            return [MakeMemberLink(member_id=member_id)]

        await self._to_account(caller, commands)
        return link

    async def change_role(self, caller: Caller, member_id: MemberId, role: Role) -> None:
        """From the next request on the member may do what the new role allows, and no more."""
        require(caller, Right.MANAGE_MEMBERS)

        async def commands(_: AnyConnection, __: Account | None) -> list[AccountCommand]:
            return [ChangeMemberRole(member_id=member_id, role=role)]

        await self._to_account(caller, commands)

    async def remove(self, caller: Caller, member_id: MemberId) -> None:
        """Sessions and links of the member end with it, in one transaction."""
        require(caller, Right.MANAGE_MEMBERS)

        async def commands(
            connection: AnyConnection, account: Account | None
        ) -> list[AccountCommand]:
            # Beside the log only for a member of this account; for another the domain says no.
            if account is not None and member_id in account.members:
                await connection.execute(self._queries["end_sessions_of_member"], member_id)
                await connection.execute(self._queries["delete_links"], member_id)
                await connection.execute(
                    self._queries["mark_person_removed"], member_id, self._clock.now()
                )
            return [RemoveMember(member_id=member_id)]

        await self._to_account(caller, commands)

    async def erase_email(self, caller: Caller, member_id: MemberId) -> None:
        """Forgets the address of somebody who was removed; the facts name a number only.

        Raises MemberNotFound, also for somebody who is still a member.
        """
        require(caller, Right.MANAGE_MEMBERS)
        erased = await self._pool.fetchval(
            self._queries["erase_person"], caller.account_id, member_id
        )
        if erased is None:
            raise MemberNotFound

    async def _to_account(self, caller: Caller, commands: AccountCommands) -> list[AccountFact]:
        return await self._executor.execute(
            StreamCommand(
                stream=f"account/{caller.account_id}",
                actor=caller.actor,
                decider=ACCOUNT,
                commands=commands,
            )
        )
