"""Who may do what: the one place that decides it, for the Connect API, the commands and pages."""

from dataclasses import dataclass
from enum import Enum, auto

from events.ids import AccountId
from events.types import Role
from services.tokens.domain.integrations import Integration
from services.tokens.refusals import IntegrationNotFound, RoleForbids


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """``actor`` is what the log will say: ``connect-token/9``, ``member/3`` or ``system``."""

    account_id: AccountId
    role: Role
    actor: str


class Right(Enum):
    READ = auto()
    MANAGE_INTEGRATIONS = auto()  # and their tokens
    MANAGE_CONNECT_TOKENS = auto()
    MANAGE_MEMBERS = auto()
    AUDIT = auto()  # read all that happened in the account, and ask for the check


RIGHTS_BY_ROLE: dict[Role, frozenset[Right]] = {
    "owner": frozenset(Right),
    "member": frozenset({Right.READ, Right.MANAGE_INTEGRATIONS}),
    "auditor": frozenset({Right.READ, Right.AUDIT}),
}


def system_caller(account_id: AccountId) -> Caller:
    """For commands run by whoever operates the installation: all of an account's rights."""
    return Caller(account_id=account_id, role="owner", actor="system")


def require(caller: Caller, right: Right) -> None:
    """Raises RoleForbids."""
    if right not in RIGHTS_BY_ROLE[caller.role]:
        raise RoleForbids


def require_ownership(caller: Caller, integration: Integration | None) -> None:
    """Raises IntegrationNotFound; another account's integration is as good as none."""
    if integration is None or integration.account_id != caller.account_id:
        raise IntegrationNotFound
