"""Commands: requested changes. Their ids are allocated beforehand; none contains a token's text."""

from dataclasses import dataclass

from events.ids import AccountId, ConnectTokenId, IntegrationId, MemberId, TokenId
from events.types import Role


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateIntegration:
    integration_id: IntegrationId
    account_id: AccountId
    display_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RenameIntegration:
    display_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PauseIntegration:
    """``paused_at``: an ISO 8601 timestamp, past or future; the pause begins immediately."""

    paused_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeIntegration:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteIntegration:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateToken:
    token_id: TokenId
    token_hash: str
    last_four: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokeToken:
    token_id: TokenId


IntegrationCommand = (
    CreateIntegration
    | RenameIntegration
    | PauseIntegration
    | ResumeIntegration
    | DeleteIntegration
    | GenerateToken
    | RevokeToken
)

# These end or suspend the right to write: they wait for the pushes in progress, and later pushes
# see their fact (design, promise 2).
BARRIER_COMMANDS = (RevokeToken, PauseIntegration, ResumeIntegration, DeleteIntegration)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAccount:
    account_id: AccountId


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateConnectToken:
    connect_token_id: ConnectTokenId
    token_hash: str
    last_four: str
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokeConnectToken:
    connect_token_id: ConnectTokenId


@dataclass(frozen=True, kw_only=True, slots=True)
class AddMember:
    member_id: MemberId
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeMemberRole:
    member_id: MemberId
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveMember:
    member_id: MemberId


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeMemberLink:
    member_id: MemberId


MemberCommand = AddMember | ChangeMemberRole | RemoveMember | MakeMemberLink
AccountCommand = OpenAccount | GenerateConnectToken | RevokeConnectToken | MemberCommand
