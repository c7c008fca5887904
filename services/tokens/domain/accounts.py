"""The rules of an account, its Connect tokens and its members. Pure: as in integrations.py."""

from dataclasses import dataclass, field, replace
from typing import assert_never

from events.ids import AccountId, ConnectTokenId, MemberId
from events.types import (
    AccountFact,
    AccountOpened,
    ConnectTokenGenerated,
    ConnectTokenRevoked,
    MemberAdded,
    MemberLinkMade,
    MemberRemoved,
    MemberRoleChanged,
    Role,
)
from services.tokens.domain.commands import (
    AccountCommand,
    AddMember,
    ChangeMemberRole,
    GenerateConnectToken,
    MakeMemberLink,
    MemberCommand,
    OpenAccount,
    RemoveMember,
    RevokeConnectToken,
)
from services.tokens.domain.decider import Decider
from services.tokens.limits import MEMBERS_MAX
from services.tokens.refusals import (
    AccountNotFound,
    ConnectTokenNotFound,
    LastOwner,
    MemberLimitReached,
    MemberNotFound,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    account_id: AccountId
    connect_tokens: dict[ConnectTokenId, Role]
    members: dict[MemberId, Role] = field(default_factory=dict)


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
    """An account always keeps an owner: the last one can be neither removed nor demoted."""
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


ACCOUNT: Decider[Account, AccountCommand, AccountFact] = Decider(
    decide=decide_account, evolve=evolve_account
)
