"""Map stored type names to classes. Stored names are fixed; classes and files may move."""

from events import types

CLASS_OF: dict[str, type[types.Fact]] = {
    "AccountOpened": types.AccountOpened,
    "ConnectTokenGenerated": types.ConnectTokenGenerated,
    "ConnectTokenRevoked": types.ConnectTokenRevoked,
    "MemberAdded": types.MemberAdded,
    "MemberRoleChanged": types.MemberRoleChanged,
    "MemberRemoved": types.MemberRemoved,
    "MemberLinkMade": types.MemberLinkMade,
    "IntegrationCreated": types.IntegrationCreated,
    "IntegrationRenamed": types.IntegrationRenamed,
    "IntegrationPaused": types.IntegrationPaused,
    "IntegrationResumed": types.IntegrationResumed,
    "IntegrationDeleted": types.IntegrationDeleted,
    "TokenGenerated": types.TokenGenerated,
    "TokenRevoked": types.TokenRevoked,
    "ReceiptsSealed": types.ReceiptsSealed,
    "LogRestored": types.LogRestored,
}

NAME_OF: dict[type[types.Fact], str] = {cls: name for name, cls in CLASS_OF.items()}
