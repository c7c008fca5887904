"""Facts of the stream of an account, ``account/7``."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "member", "auditor"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountOpened:
    account_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectTokenGenerated:
    """``token_hash`` is SHA-256 of the token text, 64 hex digits; the text itself is not stored."""

    connect_token_id: int
    token_hash: str
    last_four: str
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectTokenRevoked:
    connect_token_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberAdded:
    """A person; the e-mail address is stored outside the log, where it can be erased."""

    member_id: int
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberRoleChanged:
    member_id: int
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberRemoved:
    member_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberLinkMade:
    """A further one-time link; the first one comes with MemberAdded.

    Anyone who has the link can set the password of the member and sign in as the member.
    """

    member_id: int


AccountFact = (
    AccountOpened
    | ConnectTokenGenerated
    | ConnectTokenRevoked
    | MemberAdded
    | MemberRoleChanged
    | MemberRemoved
    | MemberLinkMade
)
