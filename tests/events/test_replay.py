"""Live tables, the SQL fold and a plain Python model agree after every step of any life."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any, ClassVar, TypeVar

import pytest
from asyncpg import Connection, Record
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events import log, replay
from events.errors import EventConflict, StreamMoved
from events.ids import TokenId, new_command_id
from events.sql_files import load_queries
from events.types import IntegrationRenamed, Role, TokenGenerated
from services.runtime.clock import SystemClock
from services.runtime.database import pool
from services.tokens.domain.commands import PauseIntegration, RenameIntegration, ResumeIntegration
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.limits import ACTIVE_TOKENS_MAX
from services.tokens.refusals import (
    CommandRefused,
    IntegrationNotFound,
    LastOwner,
    NameTaken,
    TokenLimitReached,
    TokenNotFound,
)
from services.tokens.use_cases.drift_monitor import REPLAYED
from services.tokens.use_cases.integrations import GeneratedToken
from services.tokens.use_cases.use_cases import UseCases
from tests.database.emptying import empty
from tests.database.fixtures import RoleUrl
from tests.events.plain_model import PlainIntegration, PlainMember, PlainModel
from tests.rounds import rounds

Answer = TypeVar("Answer")

STEP_SECONDS_MAX = 30
which = st.integers(min_value=0, max_value=5)
names = st.sampled_from(["a", "b", "c"])
roles: st.SearchStrategy[Role] = st.sampled_from(["owner", "member", "auditor"])


# Far from those that the database gives out.
_numbers = count(1_000_000)


def made_up_token(number: int) -> TokenGenerated:
    digest = sha256(str(number).encode()).hexdigest()
    return TokenGenerated(token_id=number, token_hash=digest, last_four=digest[-4:])


@dataclass(frozen=True)
class World:
    """The test's event loop does the work; the machine waits in a thread."""

    loop: asyncio.AbstractEventLoop
    use_cases: UseCases
    auditor: Connection[Record]
    second_writer: Connection[Record]
    owner: Connection[Record]

    def do(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(STEP_SECONDS_MAX)

    def attempt(self, work: Coroutine[Any, Any, Answer]) -> Answer | type[CommandRefused]:
        try:
            return self.do(work)
        except CommandRefused as refusal:
            return type(refusal)


def some(machine: Life) -> bool:
    return bool(machine.model.integrations)


class Life(RuleBasedStateMachine):
    world: ClassVar[World]

    @initialize()
    def begin(self) -> None:
        """Each example begins with an empty log and two accounts."""
        self.world.do(empty(self.world.owner))
        opened = [self.world.do(self.use_cases.accounts.open(name)) for name in ("A", "B")]
        self.model = PlainModel(accounts=[one.account_id for one in opened])
        self.model.connect_tokens = [(one.account_id, one.connect_token_id) for one in opened]
        self.writers_at: list[tuple[int, set[TokenId]]] = []

    @property
    def use_cases(self) -> UseCases:
        return self.world.use_cases

    def caller(self, index: int) -> Caller:
        return system_caller(self.model.accounts[index % 2])

    def picked(self, index: int) -> tuple[PlainIntegration, Caller]:
        found = self.model.integrations[index % len(self.model.integrations)]
        return found, system_caller(found.account_id)

    # --- what people do

    @rule(account=which, name=names, with_token=st.booleans())
    def create(self, account: int, name: str, with_token: bool) -> None:  # noqa: FBT001 - drawn
        caller = self.caller(account)
        name = f"{name}{self.model.accounts[0]}"
        found = self.world.attempt(
            self.use_cases.integrations.create(caller, name, with_token=with_token)
        )
        if self.model.is_taken(name, caller.account_id):
            assert found is NameTaken
            return
        assert not isinstance(found, type)
        kept = PlainIntegration(found.integration_id, caller.account_id, name, found.schema_name)
        if found.token is not None:
            kept.active.append(found.token.token_id)
        self.model.integrations.append(kept)

    @precondition(some)
    @rule(index=which, at_once=st.integers(min_value=1, max_value=4))
    def generate(self, index: int, at_once: int) -> None:
        kept, caller = self.picked(index)
        found = self.world.do(self.generate_at_once(kept, caller, at_once))
        tokens = [one.token_id for one in found if isinstance(one, GeneratedToken)]
        room = 0 if kept.state == "deleted" else ACTIVE_TOKENS_MAX - len(kept.active)
        reason = IntegrationNotFound if kept.state == "deleted" else TokenLimitReached
        assert len(tokens) == min(at_once, room)
        assert {type(one) for one in found} <= {GeneratedToken, reason}
        kept.active += sorted(tokens)

    async def generate_at_once(
        self, kept: PlainIntegration, caller: Caller, times: int
    ) -> list[GeneratedToken | BaseException]:
        calls = (
            self.use_cases.integrations.generate_token(caller, kept.integration_id)
            for _ in range(times)
        )
        return await asyncio.gather(*calls, return_exceptions=True)

    @precondition(some)
    @rule(index=which, newest=st.booleans())
    def revoke(self, index: int, newest: bool) -> None:  # noqa: FBT001 - drawn
        kept, caller = self.picked(index)
        token = kept.active[-1 if newest else 0] if kept.active else TokenId(0)
        found = self.world.attempt(
            self.use_cases.integrations.revoke_token(caller, kept.integration_id, token)
        )
        if not kept.active:
            assert found is TokenNotFound
            return
        kept.active.remove(token)
        kept.retired.append(token)

    @precondition(some)
    @rule(index=which, finished=st.booleans())
    def rotate(self, index: int, finished: bool) -> None:  # noqa: FBT001 - drawn
        """A second token, a time in which both can write, then the end of the older one."""
        kept, caller = self.picked(index)
        found = self.world.attempt(
            self.use_cases.integrations.generate_token(caller, kept.integration_id)
        )
        if isinstance(found, type):
            assert found is (IntegrationNotFound if kept.state == "deleted" else TokenLimitReached)
            return
        older = list(kept.active)
        kept.active.append(found.token_id)
        self.everything_agrees()
        for token in older if finished else ():
            self.world.do(
                self.use_cases.integrations.revoke_token(caller, kept.integration_id, token)
            )
            kept.active.remove(token)
            kept.retired.append(token)

    @precondition(some)
    @rule(index=which, paused_at=st.sampled_from(["2019-06-01", "2020-06-01T00:00:00Z"]))
    def pause(self, index: int, paused_at: str) -> None:
        kept, caller = self.picked(index)
        command = PauseIntegration(paused_at=paused_at)
        if self.change(kept, caller, command):
            kept.state, kept.paused_at = "paused", paused_at

    @precondition(some)
    @rule(index=which)
    def resume(self, index: int) -> None:
        kept, caller = self.picked(index)
        if self.change(kept, caller, ResumeIntegration()):
            kept.state, kept.paused_at = "active", None

    @precondition(some)
    @rule(index=which, name=names)
    def rename(self, index: int, name: str) -> None:
        kept, caller = self.picked(index)
        if self.change(kept, caller, RenameIntegration(display_name=name)):
            kept.display_name = name

    def change(self, kept: PlainIntegration, caller: Caller, command: Any) -> bool:
        found = self.world.attempt(
            self.use_cases.integrations.change(caller, kept.integration_id, [command])
        )
        assert found is (IntegrationNotFound if kept.state == "deleted" else None)
        return kept.state != "deleted"

    @precondition(some)
    @rule(index=which)
    def delete(self, index: int) -> None:
        kept, caller = self.picked(index)
        self.world.do(self.use_cases.integrations.delete(caller, kept.integration_id))
        kept.state = "deleted"

    @precondition(some)
    @rule(index=which)
    def a_stranger_tries(self, index: int) -> None:
        kept, _ = self.picked(index)
        others = [one for one in self.model.accounts if one != kept.account_id]
        caller = system_caller(others[0])
        token = kept.active[0] if kept.active else TokenId(0)
        for call in (
            self.use_cases.integrations.generate_token(caller, kept.integration_id),
            self.use_cases.integrations.revoke_token(caller, kept.integration_id, token),
            self.use_cases.integrations.delete(caller, kept.integration_id),
        ):
            assert self.world.attempt(call) is IntegrationNotFound

    @rule(account=which, role=roles)
    def generate_connect_token(self, account: int, role: Role) -> None:
        caller = self.caller(account)
        found = self.world.do(self.use_cases.connect_tokens.generate(caller, role))
        self.model.connect_tokens.append((caller.account_id, found.connect_token_id))

    @precondition(lambda self: bool(self.model.connect_tokens))
    @rule(index=which)
    def revoke_connect_token(self, index: int) -> None:
        pair = self.model.connect_tokens[index % len(self.model.connect_tokens)]
        self.world.do(self.use_cases.connect_tokens.revoke(system_caller(pair[0]), pair[1]))
        self.model.connect_tokens.remove(pair)

    @rule(account=which, role=roles)
    def invite(self, account: int, role: Role) -> None:
        caller = self.caller(account)
        link = self.world.do(self.use_cases.members.invite(caller, None, role))
        self.model.members.append(PlainMember(link.member_id, caller.account_id, role))

    @precondition(lambda self: bool(self.model.members))
    @rule(index=which, role=roles)
    def give_a_member_another_role(self, index: int, role: Role) -> None:
        kept, caller = self.picked_member(index)
        last = self.model.is_last_owner(kept) and role != "owner"
        change = self.use_cases.members.change_role(caller, kept.member_id, role)
        assert self.world.attempt(change) is (LastOwner if last else None)
        kept.role = kept.role if last else role

    @precondition(lambda self: bool(self.model.members))
    @rule(index=which)
    def remove_a_member(self, index: int) -> None:
        kept, caller = self.picked_member(index)
        last = self.model.is_last_owner(kept)
        removal = self.use_cases.members.remove(caller, kept.member_id)
        assert self.world.attempt(removal) is (LastOwner if last else None)
        if not last:
            self.model.members.remove(kept)

    @precondition(lambda self: bool(self.model.members))
    @rule(index=which)
    def make_a_further_link(self, index: int) -> None:
        """A fact that changes no table: `number` is of the last one that touched the row."""
        kept, caller = self.picked_member(index)
        link = self.world.do(self.use_cases.members.renew_link(caller, kept.member_id))
        assert link.member_id == kept.member_id

    def picked_member(self, index: int) -> tuple[PlainMember, Caller]:
        found = self.model.members[index % len(self.model.members)]
        return found, system_caller(found.account_id)

    @precondition(some)
    @rule(index=which, name=names)
    def append_again_and_again(self, index: int, name: str) -> None:
        """A command whose answer got lost, one that reuses its id, one decided on old facts."""
        kept, _ = self.picked(index)
        self.world.do(self.appended_once(f"integration/{kept.integration_id}", name))
        kept.display_name = name

    async def appended_once(self, stream: str, name: str) -> None:
        connection = self.world.auditor
        version = len(await log.read_stream(connection, stream))
        command, fact = new_command_id(), IntegrationRenamed(display_name=name)
        for duplicate in (False, True):
            (place,) = await log.append(
                connection, stream, version, [fact], command_id=command, actor="system"
            )
            assert (place.stream_version, place.duplicate) == (version + 1, duplicate)
        for other_command, facts, refusal in (
            (command, [IntegrationRenamed(display_name="other")], EventConflict),
            (command, [fact, fact], EventConflict),
            (new_command_id(), [fact], StreamMoved),
        ):
            try:
                await log.append(
                    connection, stream, version, facts, command_id=other_command, actor="system"
                )
            except refusal:
                continue
            raise AssertionError(f"{refusal.__name__} was expected")

    @precondition(some)
    @rule(index=which)
    def append_a_token_twice_at_once(self, index: int) -> None:
        """A retry meets its first try on another connection: one token, at one place."""
        kept, _ = self.picked(index)
        if kept.state == "deleted" or len(kept.active) >= ACTIVE_TOKENS_MAX:
            return
        token = made_up_token(next(_numbers))
        self.world.do(self.appended_at_once(f"integration/{kept.integration_id}", token))
        kept.active.append(TokenId(token.token_id))

    async def appended_at_once(self, stream: str, token: TokenGenerated) -> None:
        writers = (self.world.auditor, self.world.second_writer)
        version = len(await log.read_stream(writers[0], stream))
        command = new_command_id()
        places = await asyncio.gather(
            *(
                log.append(one, stream, version, [token], command_id=command, actor="system")
                for one in writers
            )
        )
        assert sorted(place.duplicate for (place,) in places) == [False, True]
        assert len({place.number for (place,) in places}) == 1
        with pytest.raises(StreamMoved):
            await log.append(
                *(writers[1], stream, version, [made_up_token(next(_numbers))]),
                command_id=new_command_id(),
                actor="system",
            )

    # --- what must hold

    @invariant()
    def everything_agrees(self) -> None:
        if hasattr(self, "model"):
            self.world.do(self.check())

    async def check(self) -> None:
        auditor, model = self.world.auditor, self.model
        async with auditor.transaction(isolation="repeatable_read", readonly=True):
            compared = await replay.compare(auditor, REPLAYED)
            assert compared.match, compared
            assert await self.rows(INTEGRATIONS) == model.integration_rows()
            assert await self.rows(ACTIVE) == model.active_rows()
            assert await self.rows(RETIRED) == model.retired_rows()
            assert await self.rows(CONNECT_TOKENS) == set(model.connect_tokens)
            assert await self.rows(MEMBERS) == model.member_rows()
            self.writers_at.append((compared.size, model.writers()))
            size, writers = self.writers_at[len(self.writers_at) // 2]
            as_of = load_queries("services.tokens")["tokens_that_could_write"]
            mine = {one.integration_id for one in model.integrations}
            found = await auditor.fetch(as_of, size)
            assert {row["token_id"] for row in found if row["integration_id"] in mine} == writers
        assert all(len(one.active) <= ACTIVE_TOKENS_MAX for one in model.integrations)

    async def rows(self, query: str) -> set[tuple[object, ...]]:
        found = await self.world.auditor.fetch(query, self.model.accounts)
        return {tuple(row) for row in found}


INTEGRATIONS = """SELECT integration_id, account_id, display_name, schema_name, state, paused_at
    FROM tokens.integrations WHERE account_id = ANY ($1)"""
ACTIVE = """SELECT token_id, integration_id, client_id, schema_name, state
    FROM tokens.active_tokens WHERE client_id = ANY ($1)"""
RETIRED = """SELECT r.token_id, r.integration_id
    FROM tokens.retired_tokens r JOIN tokens.integrations USING (integration_id)
    WHERE account_id = ANY ($1)"""
CONNECT_TOKENS = """SELECT account_id, connect_token_id
    FROM tokens.connect_tokens WHERE account_id = ANY ($1)"""
MEMBERS = """SELECT member_id, account_id, role
    FROM tokens.members WHERE account_id = ANY ($1)"""


async def test_tables_fold_and_model_agree_after_every_step(
    role_url: RoleUrl,
    writer: Connection[Record],
    second_writer: Connection[Record],
    database: Connection[Record],
) -> None:
    async with pool(
        role_url("pushgate_tokens"), application_name="test replay", connections_max=4
    ) as connections:
        use_cases = UseCases(connections, SystemClock())
        Life.world = World(asyncio.get_running_loop(), use_cases, writer, second_writer, database)
        lives = settings(
            max_examples=rounds(small=12, full=300), stateful_step_count=rounds(small=20, full=50)
        )
        await asyncio.to_thread(run_state_machine_as_test, Life, settings=lives)
