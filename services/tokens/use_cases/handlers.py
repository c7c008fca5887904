"""Everything that can be done to accounts, integrations and tokens, for whoever asks.

Tokens' texts leave this file once, in the answer to the call that made them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from asyncpg import Pool, Record

from events.errors import ConstraintViolated
from events.ids import AccountId, ConnectTokenId, IntegrationId, TokenId
from events.log import AnyConnection
from events.sql_files import load_queries
from events.types import (
    AccountFact,
    ConnectTokenGenerated,
    IntegrationFact,
    Role,
    TokenGenerated,
)
from services.runtime.clock import Clock
from services.tokens.domain.commands import (
    BARRIER_COMMANDS,
    AccountCommand,
    CreateIntegration,
    DeleteIntegration,
    GenerateConnectToken,
    GenerateToken,
    IntegrationCommand,
    OpenAccount,
    PauseIntegration,
    RenameIntegration,
    ResumeIntegration,
    RevokeConnectToken,
    RevokeToken,
)
from services.tokens.domain.decider import ACCOUNT, INTEGRATION, Account, Integration
from services.tokens.domain.display_text import is_displayable
from services.tokens.domain.schema_name import derive_schema_name
from services.tokens.limits import (
    ACCOUNT_NAME_CHARACTERS_MAX,
    TOKEN_LABEL_CHARACTERS_MAX,
    RetryPolicy,
)
from services.tokens.refusals import (
    AccountNameUnusable,
    AccountNotFound,
    FormUsed,
    NameTaken,
    TokenLabelUnusable,
    TokenNotFound,
)
from services.tokens.use_cases.members import Members
from services.tokens.use_cases.new_tokens import NewToken, new_token
from services.tokens.use_cases.permissions import Caller, Right, require, require_ownership
from services.tokens.use_cases.read_model import ReadModel
from services.tokens.use_cases.stream_commands import CommandExecutor, StreamCommand

IntegrationChange = RenameIntegration | PauseIntegration | ResumeIntegration
IntegrationCommands = Callable[
    [AnyConnection, Integration | None], Awaitable[Sequence[IntegrationCommand]]
]
AccountCommands = Callable[[AnyConnection, Account | None], Awaitable[Sequence[AccountCommand]]]

_NAME_CONSTRAINTS = frozenset({"schema_names_pkey", "integrations_live_schema_name"})


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedAccount:
    account_id: AccountId
    name: str
    connect_token_id: ConnectTokenId
    access_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedConnectToken:
    connect_token_id: ConnectTokenId
    role: Role
    access_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedToken:
    token_id: TokenId
    access_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatedIntegration:
    integration_id: IntegrationId
    schema_name: str
    token: GeneratedToken | None


class Handlers:
    """One for a process. Every method raises a Refusal when it does not do what is asked."""

    def __init__(
        self, pool: Pool[Record], clock: Clock, *, retry_policy: RetryPolicy | None = None
    ) -> None:
        self.read_model = ReadModel(pool)
        self._pool = pool
        self._clock = clock
        self._executor = CommandExecutor(pool, clock, retry_policy or RetryPolicy())
        self.members = Members(pool, clock, self._executor)
        self._queries = load_queries("services.tokens")

    # --- accounts and Connect tokens

    async def open_account(self, name: str, *, actor: str = "system") -> OpenedAccount:
        """With its first Connect token, an owner's. For the installation's operator."""
        if not is_displayable(name, characters_max=ACCOUNT_NAME_CHARACTERS_MAX):
            raise AccountNameUnusable
        account_id = AccountId(await self._pool.fetchval(self._queries["next_account_id"]))
        token = new_token("ac_")

        async def commands(connection: AnyConnection, _: Account | None) -> list[AccountCommand]:
            await connection.execute(self._queries["insert_account_name"], account_id, name)
            first = await self._connect_token_command(connection, token, "owner")
            return [OpenAccount(account_id=account_id), first]

        facts = await self._to_account(account_id, actor, commands)
        generated = _connect_token(facts, token)
        return OpenedAccount(
            account_id=account_id,
            name=name,
            connect_token_id=generated.connect_token_id,
            access_token=generated.access_token,
        )

    async def generate_connect_token(self, caller: Caller, role: Role) -> GeneratedConnectToken:
        require(caller, Right.MANAGE_CONNECT_TOKENS)
        token = new_token("ac_")

        async def commands(connection: AnyConnection, _: Account | None) -> list[AccountCommand]:
            return [await self._connect_token_command(connection, token, role)]

        facts = await self._to_account(caller.account_id, caller.actor, commands)
        return _connect_token(facts, token)

    async def revoke_connect_token(self, caller: Caller, connect_token_id: ConnectTokenId) -> None:
        """Raises ConnectTokenNotFound, also for a revoked one and for another account's."""
        require(caller, Right.MANAGE_CONNECT_TOKENS)

        async def commands(_: AnyConnection, __: Account | None) -> list[AccountCommand]:
            return [RevokeConnectToken(connect_token_id=connect_token_id)]

        await self._to_account(caller.account_id, caller.actor, commands)

    # --- integrations and their tokens

    async def create_integration(
        self,
        caller: Caller,
        display_name: str,
        *,
        with_token: bool = False,
        form_id: UUID | None = None,
    ) -> CreatedIntegration:
        """Raises NameUnusable, NameTaken or AccountNotFound.

        ``once``: of a form; a second call with it raises FormUsed and does nothing.
        """
        require(caller, Right.MANAGE_INTEGRATIONS)
        found = await self._pool.fetchval(self._queries["next_integration_id"])
        integration_id = IntegrationId(found)
        create = CreateIntegration(
            integration_id=integration_id,
            account_id=caller.account_id,
            display_name=display_name,
        )
        token = new_token("at_") if with_token else None

        async def commands(
            connection: AnyConnection, _: Integration | None
        ) -> list[IntegrationCommand]:
            await self._use_form(connection, form_id)
            # An account is for ever, so it cannot go between this look and the append.
            if not await connection.fetchval(self._queries["account_exists"], caller.account_id):
                raise AccountNotFound
            return [create, *await self._token_commands(connection, token)]

        try:
            facts = await self._to_integration(caller, integration_id, commands)
        except ConstraintViolated as error:
            if error.constraint not in _NAME_CONSTRAINTS:
                raise
            raise NameTaken(display_name, derive_schema_name(display_name)) from error
        return CreatedIntegration(
            integration_id=integration_id,
            schema_name=derive_schema_name(display_name),
            token=None if token is None else _access_token(facts, token),
        )

    async def change_integration(
        self, caller: Caller, integration_id: IntegrationId, commands: Sequence[IntegrationChange]
    ) -> None:
        """Rename, pause, resume: all of it or nothing. Raises IntegrationNotFound and the like.

        Once it returns no push is admitted that the pause forbids (design, promise 2).
        """
        await self._change(caller, integration_id, commands)

    async def delete_integration(self, caller: Caller, integration_id: IntegrationId) -> None:
        """For good; doing it again changes nothing. Its tokens are refused from here on."""
        await self._change(caller, integration_id, [DeleteIntegration()])

    async def generate_token(
        self,
        caller: Caller,
        integration_id: IntegrationId,
        *,
        label: str = "",
        form_id: UUID | None = None,
    ) -> GeneratedToken:
        """Raises TokenLimitReached when two are active, however many ask at once.

        ``label``: as ``label_token`` takes it. ``once``: of a form; a second call with it raises
        FormUsed and does nothing.
        """
        require(caller, Right.MANAGE_INTEGRATIONS)
        _require_label(label)
        token = new_token("at_")

        async def commands(
            connection: AnyConnection, integration: Integration | None
        ) -> list[IntegrationCommand]:
            require_ownership(caller, integration)
            await self._use_form(connection, form_id)
            return await self._token_commands(connection, token, label)

        facts = await self._to_integration(caller, integration_id, commands)
        return _access_token(facts, token)

    async def revoke_token(
        self, caller: Caller, integration_id: IntegrationId, token_id: TokenId
    ) -> None:
        """Once it returns, no push with this token is admitted (design, promise 2).

        Raises TokenNotFound, also for a token that was revoked before.
        """
        await self._change(caller, integration_id, [RevokeToken(token_id=token_id)])

    async def label_token(
        self, caller: Caller, integration_id: IntegrationId, token_id: TokenId, label: str
    ) -> None:
        """Words for people, beside the log; an empty label takes them away.

        Raises TokenLabelUnusable, and TokenNotFound for one that is not active.
        """
        require(caller, Right.MANAGE_INTEGRATIONS)
        _require_label(label)
        tokens = await self.read_model.active_tokens(caller, integration_id)
        if token_id not in {token.token_id for token in tokens}:
            raise TokenNotFound
        if label:
            await self._pool.execute(self._queries["set_token_label"], token_id, label)
        else:
            await self._pool.execute(self._queries["delete_token_label"], token_id)

    # --- the ways to the log

    async def _to_account(
        self, account_id: AccountId, actor: str, commands: AccountCommands
    ) -> list[AccountFact]:
        return await self._executor.execute(
            StreamCommand(
                stream=f"account/{account_id}", actor=actor, decider=ACCOUNT, commands=commands
            )
        )

    async def _to_integration(
        self,
        caller: Caller,
        integration_id: IntegrationId,
        commands: IntegrationCommands,
        *,
        barrier: bool = False,
    ) -> list[IntegrationFact]:
        return await self._executor.execute(
            StreamCommand(
                stream=f"integration/{integration_id}",
                actor=caller.actor,
                decider=INTEGRATION,
                commands=commands,
                barrier=integration_id if barrier else None,
            )
        )

    async def _change(
        self,
        caller: Caller,
        integration_id: IntegrationId,
        wanted: Sequence[IntegrationChange | DeleteIntegration | RevokeToken],
    ) -> None:
        require(caller, Right.MANAGE_INTEGRATIONS)
        # Before any lock: a stranger must not be able to hold up somebody else's pushes.
        await self.read_model.integration(caller, integration_id)

        async def commands(
            _: AnyConnection, integration: Integration | None
        ) -> Sequence[IntegrationCommand]:
            require_ownership(caller, integration)
            return wanted

        barrier = any(isinstance(command, BARRIER_COMMANDS) for command in wanted)
        await self._to_integration(caller, integration_id, commands, barrier=barrier)

    async def _use_form(self, connection: AnyConnection, once: UUID | None) -> None:
        """In the transaction of what the form asks for: both happen, or neither."""
        if once is None:
            return
        if not await connection.fetchval(self._queries["use_form"], once, self._clock.now()):
            raise FormUsed

    async def _connect_token_command(
        self, connection: AnyConnection, token: NewToken, role: Role
    ) -> GenerateConnectToken:
        found = await connection.fetchval(self._queries["next_connect_token_id"])
        return GenerateConnectToken(
            connect_token_id=ConnectTokenId(found),
            token_hash=token.hash_hex,
            last_four=token.last_four,
            role=role,
        )

    async def _token_commands(
        self, connection: AnyConnection, token: NewToken | None, label: str = ""
    ) -> list[IntegrationCommand]:
        if token is None:
            return []
        found = await connection.fetchval(self._queries["next_token_id"])
        if label:
            # In the transaction of the fact: a token that is refused leaves no label.
            await connection.execute(self._queries["set_token_label"], found, label)
        generate = GenerateToken(
            token_id=TokenId(found), token_hash=token.hash_hex, last_four=token.last_four
        )
        return [generate]


def _require_label(label: str) -> None:
    if label and not is_displayable(label, characters_max=TOKEN_LABEL_CHARACTERS_MAX):
        raise TokenLabelUnusable


def _access_token(facts: Sequence[IntegrationFact], token: NewToken) -> GeneratedToken:
    """The id is the recorded one: an attempt whose answer was lost may have had another."""
    (fact,) = (fact for fact in facts if isinstance(fact, TokenGenerated))
    return GeneratedToken(token_id=TokenId(fact.token_id), access_token=token.text)


def _connect_token(facts: Sequence[AccountFact], token: NewToken) -> GeneratedConnectToken:
    (fact,) = (fact for fact in facts if isinstance(fact, ConnectTokenGenerated))
    return GeneratedConnectToken(
        connect_token_id=ConnectTokenId(fact.connect_token_id),
        role=fact.role,
        access_token=token.text,
    )
