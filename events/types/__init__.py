"""The facts of the log: what can have happened, in the past tense."""

from events.types.accounts import (
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
from events.types.evidence import EvidenceFact, LogRestored, ReceiptsSealed
from events.types.integrations import (
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationPaused,
    IntegrationRenamed,
    IntegrationResumed,
)
from events.types.tokens import TokenGenerated, TokenRevoked

# An integration and all its tokens are one stream.
IntegrationFact = (
    IntegrationCreated
    | IntegrationRenamed
    | IntegrationPaused
    | IntegrationResumed
    | IntegrationDeleted
    | TokenGenerated
    | TokenRevoked
)
Fact = AccountFact | IntegrationFact | EvidenceFact

__all__ = [
    "AccountFact",
    "AccountOpened",
    "ConnectTokenGenerated",
    "ConnectTokenRevoked",
    "EvidenceFact",
    "Fact",
    "IntegrationCreated",
    "IntegrationDeleted",
    "IntegrationFact",
    "IntegrationPaused",
    "IntegrationRenamed",
    "IntegrationResumed",
    "LogRestored",
    "MemberAdded",
    "MemberLinkMade",
    "MemberRemoved",
    "MemberRoleChanged",
    "ReceiptsSealed",
    "Role",
    "TokenGenerated",
    "TokenRevoked",
]
