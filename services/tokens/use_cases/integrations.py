"""Integrations and their access tokens: create, change and delete; generate, label and revoke.

The text of an access token leaves this file once, in the result of the call that generated it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from asyncpg import Pool, Record

from events.errors import ConstraintViolated
from events.ids import IntegrationId, TokenId
from events.log import AnyConnection
from events.sql_files import load_queries
from events.types import IntegrationFact, TokenGenerated
from services.tokens.domain.commands import (
    CreateIntegration,
    DeleteIntegration,
    GenerateToken,
    IntegrationCommand,
    PauseIntegration,
    RenameIntegration,
    ResumeIntegration,
    RevokeToken,
)
from services.tokens.domain.display_text import is_displayable
from services.tokens.domain.permissions import Caller, Right, require
from services.tokens.domain.schema_name import derive_schema_name
from services.tokens.limits import TOKEN_LABEL_CHARACTERS_MAX
from services.tokens.refusals import (
    AccountNotFound,
    NameTaken,
    TokenLabelUnusable,
    TokenNotFound,
)
from services.tokens.use_cases.new_tokens import NewToken, new_token
from services.tokens.use_cases.read_model import ReadModel
from services.tokens.use_cases.stream_commands import (
    CommandExecutor,
    WithNewId,
    integration_command,
)

IntegrationChange = RenameIntegration | PauseIntegration | ResumeIntegration

_NAME_CONSTRAINTS = frozenset({"schema_names_pkey", "integrations_live_schema_name"})


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedToken:
    token_id: TokenId
    access_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatedIntegration:
    integration_id: IntegrationId
    schema_name: str
    token: GeneratedToken | None


class Integrations:
    """Every method raises a CommandRefused when it does not do what is asked."""

    def __init__(
        self, pool: Pool[Record], executor: CommandExecutor, read_model: ReadModel
    ) -> None:
        self._pool = pool
        self._executor = executor
        self._read_model = read_model
        self._queries = load_queries("services.tokens")

    async def create(
        self,
        caller: Caller,
        display_name: str,
        *,
        with_token: bool = False,
        form_id: UUID | None = None,
    ) -> CreatedIntegration:
        """Raises NameUnusable, NameTaken or AccountNotFound.

        ``form_id``: of a web form; a second call with it raises FormUsed and does nothing.
        """
        require(caller, Right.MANAGE_INTEGRATIONS)
        # Accounts are permanent, so this one cannot go before the append.
        if not await self._pool.fetchval(self._queries["account_exists"], caller.account_id):
            raise AccountNotFound
        found = await self._pool.fetchval(self._queries["next_integration_id"])
        integration_id = IntegrationId(found)
        create = CreateIntegration(
            integration_id=integration_id,
            account_id=caller.account_id,
            display_name=display_name,
        )
        token = new_token("at_") if with_token else None
        generate = [] if token is None else [_generate_command(token)]
        try:
            facts = await self._executor.execute(
                integration_command(
                    caller, integration_id, create, *generate, is_new=True, form_id=form_id
                )
            )
        except ConstraintViolated as error:
            if error.constraint not in _NAME_CONSTRAINTS:
                raise
            raise NameTaken(display_name, derive_schema_name(display_name)) from error
        return CreatedIntegration(
            integration_id=integration_id,
            schema_name=derive_schema_name(display_name),
            token=None if token is None else _generated_token(facts, token),
        )

    async def change(
        self, caller: Caller, integration_id: IntegrationId, changes: Sequence[IntegrationChange]
    ) -> None:
        """Rename, pause, resume: all of it or nothing. Raises IntegrationNotFound and the like.

        Once it returns no push is admitted that the pause forbids (design, promise 2).
        """
        await self._change(caller, integration_id, *changes)

    async def delete(self, caller: Caller, integration_id: IntegrationId) -> None:
        """Permanently; deleting again changes nothing. Pushes with its tokens are refused."""
        await self._change(caller, integration_id, DeleteIntegration())

    async def generate_token(
        self,
        caller: Caller,
        integration_id: IntegrationId,
        *,
        label: str = "",
        form_id: UUID | None = None,
    ) -> GeneratedToken:
        """Raises TokenLimitReached when two are active, however many are requested concurrently.

        ``label``: as in ``label_token``. ``form_id``: as in ``create``.
        """
        require(caller, Right.MANAGE_INTEGRATIONS)
        _require_valid_label(label)
        token = new_token("at_")

        async def set_label(connection: AnyConnection, facts: Sequence[IntegrationFact]) -> None:
            if label:
                await self._set_label(connection, _token_id(facts), label)

        facts = await self._executor.execute(
            integration_command(
                caller,
                integration_id,
                _generate_command(token),
                form_id=form_id,
                before_append=set_label,
            )
        )
        return _generated_token(facts, token)

    async def revoke_token(
        self, caller: Caller, integration_id: IntegrationId, token_id: TokenId
    ) -> None:
        """Once it returns, no push with this token is admitted (design, promise 2).

        Raises TokenNotFound, also for a token that was revoked before.
        """
        await self._change(caller, integration_id, RevokeToken(token_id=token_id))

    async def label_token(
        self, caller: Caller, integration_id: IntegrationId, token_id: TokenId, label: str
    ) -> None:
        """Sets a text for people, which is not part of the log; an empty label deletes it.

        Raises TokenLabelUnusable, and TokenNotFound for a token that is not active.
        """
        require(caller, Right.MANAGE_INTEGRATIONS)
        _require_valid_label(label)
        tokens = await self._read_model.active_tokens(caller, integration_id)
        if token_id not in {token.token_id for token in tokens}:
            raise TokenNotFound
        if label:
            await self._set_label(self._pool, token_id, label)
        else:
            await self._pool.execute(self._queries["delete_token_label"], token_id)

    async def _change(
        self, caller: Caller, integration_id: IntegrationId, *commands: IntegrationCommand
    ) -> None:
        require(caller, Right.MANAGE_INTEGRATIONS)
        # Checked before any lock is taken: another account must not delay this one's pushes.
        await self._read_model.integration(caller, integration_id)
        await self._executor.execute(integration_command(caller, integration_id, *commands))

    async def _set_label(
        self, connection: AnyConnection | Pool[Record], token_id: TokenId, label: str
    ) -> None:
        await connection.execute(self._queries["set_token_label"], token_id, label)


def _require_valid_label(label: str) -> None:
    if label and not is_displayable(label, characters_max=TOKEN_LABEL_CHARACTERS_MAX):
        raise TokenLabelUnusable


def _generate_command(token: NewToken) -> WithNewId[IntegrationCommand]:
    return WithNewId(
        statement="next_token_id",
        command=lambda new_id: GenerateToken(
            token_id=TokenId(new_id), token_hash=token.hash_hex, last_four=token.last_four
        ),
    )


def _generated_token(facts: Sequence[IntegrationFact], token: NewToken) -> GeneratedToken:
    return GeneratedToken(token_id=_token_id(facts), access_token=token.text)


def _token_id(facts: Sequence[IntegrationFact]) -> TokenId:
    """The recorded id: an attempt that was retried may have been given another."""
    (fact,) = (fact for fact in facts if isinstance(fact, TokenGenerated))
    return TokenId(fact.token_id)
