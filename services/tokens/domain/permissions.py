"""Roles and rights: the only place that decides who may do what, on every interface. Pure."""

from dataclasses import dataclass
from enum import Enum, auto

from events.ids import AccountId
from events.types import Role
from services.tokens.domain.integrations import Integration
from services.tokens.refusals import IntegrationNotFound, RoleForbids


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """``actor`` is recorded in the log: ``connect-token/9``, ``member/3`` or ``system``."""

    account_id: AccountId
    role: Role
    actor: str


class Right(Enum):
    READ = auto()
    MANAGE_INTEGRATIONS = auto()  # and their tokens
    MANAGE_CONNECT_TOKENS = auto()
    MANAGE_MEMBERS = auto()
    AUDIT = auto()  # read all events of the account, and start a verification


RIGHTS_BY_ROLE: dict[Role, frozenset[Right]] = {
    "owner": frozenset(Right),
    "member": frozenset({Right.READ, Right.MANAGE_INTEGRATIONS}),
    "auditor": frozenset({Right.READ, Right.AUDIT}),
}


def system_caller(account_id: AccountId) -> Caller:
    """For commands of the installation's operator: all rights in the account."""
    return Caller(account_id=account_id, role="owner", actor="system")


def require(caller: Caller, right: Right) -> None:
    """Raises RoleForbids."""
    if right not in RIGHTS_BY_ROLE[caller.role]:
        raise RoleForbids


def require_ownership(caller: Caller, integration: Integration | None) -> None:
    """Raises IntegrationNotFound, also for the integration of another account."""
    if integration is None or integration.account_id != caller.account_id:
        raise IntegrationNotFound
