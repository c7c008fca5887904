"""What may happen to an integration and to an account. Pure: facts and a command in, facts out.

``decide`` raises a Refusal or returns the facts that follow, none when the wish is already so.
``evolve`` tells what a fact makes of what was; before a stream's first fact there is None.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Generic, Literal, TypeVar, assert_never

from events.ids import AccountId, ConnectTokenId, IntegrationId, MemberId, TokenId
from events.types import (
    AccountFact,
    AccountOpened,
    ConnectTokenGenerated,
    ConnectTokenRevoked,
    Fact,
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationFact,
    IntegrationPaused,
    IntegrationRenamed,
    IntegrationResumed,
    MemberAdded,
    MemberLinkMade,
    MemberRemoved,
    MemberRoleChanged,
    Role,
    TokenGenerated,
    TokenRevoked,
)
from services.tokens.domain.commands import (
    AccountCommand,
    AddMember,
    ChangeMemberRole,
    CreateIntegration,
    DeleteIntegration,
    GenerateConnectToken,
    GenerateToken,
    IntegrationCommand,
    MakeMemberLink,
    MemberCommand,
    OpenAccount,
    PauseIntegration,
    RemoveMember,
    RenameIntegration,
    ResumeIntegration,
    RevokeConnectToken,
    RevokeToken,
)
from services.tokens.domain.display_text import is_displayable, is_timestamp
from services.tokens.domain.schema_name import derive_schema_name, is_usable
from services.tokens.limits import (
    ACTIVE_TOKENS_MAX,
    DISPLAY_NAME_CHARACTERS_MAX,
    MEMBERS_MAX,
)
from services.tokens.refusals import (
    AccountNotFound,
    ConnectTokenNotFound,
    DisplayNameUnusable,
    IntegrationNotFound,
    LastOwner,
    MemberLimitReached,
    MemberNotFound,
    NameUnusable,
    PausedAtUnusable,
    TokenLimitReached,
    TokenNotFound,
)

StateT = TypeVar("StateT")
CommandT = TypeVar("CommandT")
FactT = TypeVar("FactT", bound=Fact)

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    account_id: AccountId
    connect_tokens: dict[ConnectTokenId, Role]
    members: dict[MemberId, Role] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decider(Generic[StateT, CommandT, FactT]):
    """The two functions of one kind of stream, so that one handler can drive both kinds."""

    decide: Callable[[StateT | None, CommandT], list[FactT]]
    evolve: Callable[[StateT | None, FactT], StateT]

    def fold(self, facts: Iterable[FactT]) -> StateT | None:
        initial: StateT | None = None
        return reduce(self.evolve, facts, initial)

    def decide_all(self, state: StateT | None, commands: Sequence[CommandT]) -> list[FactT]:
        """Each command on what the ones before it lead to; one refusal refuses them all."""
        facts: list[FactT] = []
        for command in commands:
            following = self.decide(state, command)
            state = reduce(self.evolve, following, state)
            facts += following
        return facts


# --- an integration and its tokens -------------------------------------------------------------


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
            # Also of a deleted integration: taking rights away is never out of place.
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


# --- an account and its Connect tokens ---------------------------------------------------------


def decide_account(account: Account | None, command: AccountCommand) -> list[AccountFact]:
    if isinstance(command, OpenAccount):
        assert account is None, "the id came from a sequence, so its stream is new"
        return [AccountOpened(account_id=command.account_id)]
    if account is None:
        raise AccountNotFound
    match command:
        case GenerateConnectToken():
            return [
                ConnectTokenGenerated(
                    connect_token_id=command.connect_token_id,
                    token_hash=command.token_hash,
                    last_four=command.last_four,
                    role=command.role,
                )
            ]
        case RevokeConnectToken(connect_token_id=connect_token_id):
            if connect_token_id not in account.connect_tokens:
                raise ConnectTokenNotFound
            return [ConnectTokenRevoked(connect_token_id=connect_token_id)]
        case AddMember() | ChangeMemberRole() | RemoveMember() | MakeMemberLink():
            return _decide_members(account.members, command)
        case _:
            assert_never(command)


def _decide_members(members: dict[MemberId, Role], command: MemberCommand) -> list[AccountFact]:
    """Somebody must always be left who may change things: the last owner stays one."""
    if isinstance(command, AddMember):
        assert command.member_id not in members, "the id came from a sequence, so it is new"
        if len(members) >= MEMBERS_MAX:
            raise MemberLimitReached
        return [MemberAdded(member_id=command.member_id, role=command.role)]
    role = members.get(command.member_id)
    if role is None:
        raise MemberNotFound
    is_last_owner = role == "owner" and list(members.values()).count("owner") == 1
    match command:
        case ChangeMemberRole(member_id=member_id, role=wanted):
            if wanted == role:
                return []
            if is_last_owner:
                raise LastOwner
            return [MemberRoleChanged(member_id=member_id, role=wanted)]
        case RemoveMember(member_id=member_id):
            if is_last_owner:
                raise LastOwner
            return [MemberRemoved(member_id=member_id)]
        case MakeMemberLink(member_id=member_id):
            return [MemberLinkMade(member_id=member_id)]
        case _:
            assert_never(command)


def evolve_account(account: Account | None, fact: AccountFact) -> Account:
    if isinstance(fact, AccountOpened):
        return Account(account_id=AccountId(fact.account_id), connect_tokens={})
    assert account is not None, "a stream begins with the opening of the account"
    tokens, members = dict(account.connect_tokens), dict(account.members)
    match fact:
        case ConnectTokenGenerated(connect_token_id=connect_token_id, role=role):
            tokens[ConnectTokenId(connect_token_id)] = role
        case ConnectTokenRevoked(connect_token_id=connect_token_id):
            tokens.pop(ConnectTokenId(connect_token_id), None)
        case MemberAdded(member_id=member_id, role=role):
            members[MemberId(member_id)] = role
        case MemberRoleChanged(member_id=member_id, role=role):
            members[MemberId(member_id)] = role
        case MemberRemoved(member_id=member_id):
            members.pop(MemberId(member_id), None)
        case MemberLinkMade():
            pass
        case _:
            assert_never(fact)
    return replace(account, connect_tokens=tokens, members=members)


INTEGRATION: Decider[Integration, IntegrationCommand, IntegrationFact] = Decider(
    decide=decide_integration, evolve=evolve_integration
)
ACCOUNT: Decider[Account, AccountCommand, AccountFact] = Decider(
    decide=decide_account, evolve=evolve_account
)
