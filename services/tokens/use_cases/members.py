"""Members: invite, change roles, remove. E-mail addresses are stored outside the log."""

from __future__ import annotations

from collections.abc import Sequence
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
from services.tokens.domain.email_address import parse_email
from services.tokens.domain.permissions import Caller, Right, require
from services.tokens.limits import MEMBERS_MAX
from services.tokens.refusals import EmailTaken, MemberNotFound
from services.tokens.sign_in.one_time_links import EMAIL_CONSTRAINT, NewLink, new_link, store_link
from services.tokens.sign_in.secrets import new_secret
from services.tokens.use_cases.stream_commands import (
    BeforeAppend,
    CommandExecutor,
    WithNewId,
    account_command,
)


class MemberEntry(NamedTuple):
    """``link_expires_at``: of a one-time link that was not used yet."""

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
    """Every method raises a CommandRefused when it does not do what is asked."""

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
        """Removed members with an address that is not erased yet, last removed first."""
        require(caller, Right.READ)
        rows = await self._pool.fetch(
            self._queries["removed_people"], caller.account_id, MEMBERS_MAX
        )
        return [RemovedEntry(*row) for row in rows]

    async def actor_names(self, caller: Caller) -> dict[str, str]:
        """The e-mail address of each actor such as ``member/3``, unless it was erased."""
        require(caller, Right.READ)
        rows = await self._pool.fetch(self._queries["names_of_account"], caller.account_id)
        return {f"member/{row['member_id']}": row["email"] for row in rows}

    async def invite(self, caller: Caller, email: str | None, role: Role) -> NewLink:
        """``email``: None when the person who opens the link enters it."""
        require(caller, Right.MANAGE_MEMBERS)
        address = None if email is None else parse_email(email)
        secret = new_secret()

        async def insert_person(connection: AnyConnection, facts: Sequence[AccountFact]) -> None:
            member_id = _added_member(facts)
            await connection.execute(
                self._queries["insert_person"], member_id, caller.account_id, address
            )
            await store_link(connection, new_link(member_id, self._clock.now(), secret))

        add: WithNewId[AccountCommand] = WithNewId(
            statement="next_member_id",
            command=lambda new_id: AddMember(member_id=MemberId(new_id), role=role),
        )
        try:
            facts = await self._execute(caller, add, before_append=insert_person)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != EMAIL_CONSTRAINT:
                raise
            raise EmailTaken from error
        member_id = _added_member(facts)
        # Read back: an earlier attempt may have been the one that was committed.
        found = await self._pool.fetchrow(self._queries["link_of_member"], member_id)
        assert found is not None
        return NewLink(member_id=member_id, expires_at=found["expires_at"], secret=secret)

    async def renew_link(self, caller: Caller, member_id: MemberId) -> NewLink:
        """For a member who forgot the password, or who let the first link expire."""
        require(caller, Right.MANAGE_MEMBERS)
        link = new_link(member_id, self._clock.now())

        async def replace_link(connection: AnyConnection, _: Sequence[AccountFact]) -> None:
            await store_link(connection, link)

        await self._execute(caller, MakeMemberLink(member_id=member_id), before_append=replace_link)
        return link

    async def change_role(self, caller: Caller, member_id: MemberId, role: Role) -> None:
        """Applies from the member's next request on."""
        require(caller, Right.MANAGE_MEMBERS)
        await self._execute(caller, ChangeMemberRole(member_id=member_id, role=role))

    async def remove(self, caller: Caller, member_id: MemberId) -> None:
        """The member's sessions and links are deleted in the same transaction."""
        require(caller, Right.MANAGE_MEMBERS)

        async def end_access(connection: AnyConnection, _: Sequence[AccountFact]) -> None:
            await connection.execute(self._queries["end_sessions_of_member"], member_id)
            await connection.execute(self._queries["delete_links"], member_id)
            await connection.execute(
                self._queries["mark_person_removed"], member_id, self._clock.now()
            )

        await self._execute(caller, RemoveMember(member_id=member_id), before_append=end_access)

    async def erase_email(self, caller: Caller, member_id: MemberId) -> None:
        """Deletes the e-mail address of a removed member; the facts contain only the id.

        Raises MemberNotFound, also for a person who is still a member.
        """
        require(caller, Right.MANAGE_MEMBERS)
        erased = await self._pool.fetchval(
            self._queries["erase_person"], caller.account_id, member_id
        )
        if erased is None:
            raise MemberNotFound

    async def _execute(
        self,
        caller: Caller,
        command: AccountCommand | WithNewId[AccountCommand],
        *,
        before_append: BeforeAppend[AccountFact] | None = None,
    ) -> list[AccountFact]:
        return await self._executor.execute(
            account_command(caller.account_id, caller.actor, command, before_append=before_append)
        )


def _added_member(facts: Sequence[AccountFact]) -> MemberId:
    (added,) = (fact for fact in facts if isinstance(fact, MemberAdded))
    return MemberId(added.member_id)
