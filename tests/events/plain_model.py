"""What integrations and tokens amount to, in plain Python: no log, no fold, no SQL."""

from dataclasses import dataclass, field
from typing import Literal

from events.ids import AccountId, ConnectTokenId, IntegrationId, MemberId, TokenId
from events.types import Role

State = Literal["active", "paused", "deleted"]


@dataclass
class PlainIntegration:
    integration_id: IntegrationId
    account_id: AccountId
    display_name: str
    schema_name: str
    state: State = "active"
    paused_at: str | None = None
    active: list[TokenId] = field(default_factory=list)
    retired: list[TokenId] = field(default_factory=list)


@dataclass
class PlainMember:
    member_id: MemberId
    account_id: AccountId
    role: Role


@dataclass
class PlainModel:
    accounts: list[AccountId]
    integrations: list[PlainIntegration] = field(default_factory=list)
    connect_tokens: list[tuple[AccountId, ConnectTokenId]] = field(default_factory=list)
    members: list[PlainMember] = field(default_factory=list)

    def is_taken(self, schema_name: str, account_id: AccountId) -> bool:
        return any(
            one.schema_name == schema_name
            and (one.state != "deleted" or one.account_id != account_id)
            for one in self.integrations
        )

    def is_last_owner(self, member: PlainMember) -> bool:
        owners = [
            one.member_id
            for one in self.members
            if one.account_id == member.account_id and one.role == "owner"
        ]
        return owners == [member.member_id]

    def member_rows(self) -> set[tuple[object, ...]]:
        return {(one.member_id, one.account_id, one.role) for one in self.members}

    def integration_rows(self) -> set[tuple[object, ...]]:
        return {
            (
                one.integration_id,
                one.account_id,
                one.display_name,
                one.schema_name,
                one.state,
                one.paused_at,
            )
            for one in self.integrations
        }

    def active_rows(self) -> set[tuple[object, ...]]:
        return {
            (token, one.integration_id, one.account_id, one.schema_name, one.state)
            for one in self.integrations
            for token in one.active
        }

    def retired_rows(self) -> set[tuple[object, ...]]:
        return {(token, one.integration_id) for one in self.integrations for token in one.retired}

    def writers(self) -> set[TokenId]:
        """Tokens that could write now."""
        return {token for one in self.integrations if one.state == "active" for token in one.active}
