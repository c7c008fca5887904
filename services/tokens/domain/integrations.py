"""The rules of an integration and its tokens. Pure: facts and a command in, new facts out."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from events.ids import AccountId, IntegrationId, TokenId
from events.types import (
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationFact,
    IntegrationPaused,
    IntegrationRenamed,
    IntegrationResumed,
    TokenGenerated,
    TokenRevoked,
)
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
from services.tokens.domain.decider import Decider
from services.tokens.domain.display_text import is_displayable, is_timestamp
from services.tokens.domain.schema_name import derive_schema_name, is_usable
from services.tokens.limits import ACTIVE_TOKENS_MAX, DISPLAY_NAME_CHARACTERS_MAX
from services.tokens.refusals import (
    DisplayNameUnusable,
    IntegrationNotFound,
    NameUnusable,
    PausedAtUnusable,
    TokenLimitReached,
    TokenNotFound,
)

IntegrationState = Literal["active", "paused", "deleted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Integration:
    integration_id: IntegrationId
    account_id: AccountId
    display_name: str
    schema_name: str
    state: IntegrationState = "active"
    paused_at: str | None = None
    active_tokens: tuple[TokenId, ...] = ()  # oldest first


def decide_integration(
    integration: Integration | None, command: IntegrationCommand
) -> list[IntegrationFact]:
    if isinstance(command, CreateIntegration):
        assert integration is None, "the id came from a sequence, so its stream is new"
        return [_created(command)]
    if integration is None:
        raise IntegrationNotFound
    match command:
        case RevokeToken(token_id=token_id):
            # Also for a deleted integration: revoking rights is always allowed.
            if token_id not in integration.active_tokens:
                raise TokenNotFound
            return [TokenRevoked(token_id=token_id)]
        case DeleteIntegration():
            return [] if integration.state == "deleted" else [IntegrationDeleted()]
        case RenameIntegration() | PauseIntegration() | ResumeIntegration() | GenerateToken():
            return _decide_undeleted(integration, command)
        case _:
            assert_never(command)


def _decide_undeleted(
    integration: Integration,
    command: RenameIntegration | PauseIntegration | ResumeIntegration | GenerateToken,
) -> list[IntegrationFact]:
    if integration.state == "deleted":
        raise IntegrationNotFound
    match command:
        case RenameIntegration(display_name=name):
            if not is_displayable(name, characters_max=DISPLAY_NAME_CHARACTERS_MAX):
                raise DisplayNameUnusable(name)
            unchanged = name == integration.display_name
            return [] if unchanged else [IntegrationRenamed(display_name=name)]
        case PauseIntegration(paused_at=text):
            if not is_timestamp(text):
                raise PausedAtUnusable
            return [] if text == integration.paused_at else [IntegrationPaused(paused_at=text)]
        case ResumeIntegration():
            return [IntegrationResumed()] if integration.state == "paused" else []
        case GenerateToken():
            if len(integration.active_tokens) >= ACTIVE_TOKENS_MAX:
                raise TokenLimitReached
            return [
                TokenGenerated(
                    token_id=command.token_id,
                    token_hash=command.token_hash,
                    last_four=command.last_four,
                )
            ]
        case _:
            assert_never(command)


def _created(command: CreateIntegration) -> IntegrationCreated:
    schema_name = derive_schema_name(command.display_name)
    if not is_usable(schema_name) or not is_displayable(
        command.display_name, characters_max=DISPLAY_NAME_CHARACTERS_MAX
    ):
        raise NameUnusable(command.display_name, schema_name)
    return IntegrationCreated(
        integration_id=command.integration_id,
        account_id=command.account_id,
        display_name=command.display_name,
        schema_name=schema_name,
    )


def evolve_integration(integration: Integration | None, fact: IntegrationFact) -> Integration:
    if isinstance(fact, IntegrationCreated):
        return Integration(
            integration_id=IntegrationId(fact.integration_id),
            account_id=AccountId(fact.account_id),
            display_name=fact.display_name,
            schema_name=fact.schema_name,
        )
    assert integration is not None, "a stream begins with its creation"
    match fact:
        case IntegrationRenamed(display_name=name):
            return replace(integration, display_name=name)
        case IntegrationPaused(paused_at=text):
            return replace(integration, state="paused", paused_at=text)
        case IntegrationResumed():
            return replace(integration, state="active", paused_at=None)
        case IntegrationDeleted():
            return replace(integration, state="deleted")
        case TokenGenerated() | TokenRevoked():
            tokens = _tokens_after(integration.active_tokens, fact)
            return replace(integration, active_tokens=tokens)
        case _:
            assert_never(fact)


def _tokens_after(
    tokens: tuple[TokenId, ...], fact: TokenGenerated | TokenRevoked
) -> tuple[TokenId, ...]:
    if isinstance(fact, TokenGenerated):
        return (*tokens, TokenId(fact.token_id))
    return tuple(token for token in tokens if token != fact.token_id)


INTEGRATION: Decider[Integration, IntegrationCommand, IntegrationFact] = Decider(
    decide=decide_integration, evolve=evolve_integration
)
