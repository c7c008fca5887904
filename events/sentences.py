"""Describe facts in English sentences, without actor and time. Pure."""

from typing import Any, assert_never

from events.codec import decode
from events.errors import CorruptFact, UnknownFact
from events.types import (
    AccountOpened,
    ConnectTokenGenerated,
    ConnectTokenRevoked,
    Fact,
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationPaused,
    IntegrationRenamed,
    IntegrationResumed,
    LogRestored,
    MemberAdded,
    MemberLinkMade,
    MemberRemoved,
    MemberRoleChanged,
    ReceiptsSealed,
    TokenGenerated,
    TokenRevoked,
)


def what_happened(type_name: str, data: Any, stream: str, *, subject: str | None = None) -> str:
    """A sentence without its subject, such as ``generated token 3 (…a1b2) for integration 1``.

    ``data`` is what ``codec.decode`` accepts; ``subject`` names the stream in the sentence.
    For a type that this version does not know, the sentence contains only its name.
    """
    try:
        fact = decode(type_name, data)
    except (UnknownFact, CorruptFact):
        return f"recorded {type_name} in {stream}"
    return _sentence(fact, subject or stream.replace("/", " "))


def _sentence(fact: Fact, subject: str) -> str:  # noqa: C901, PLR0911, PLR0912 - one line a fact
    match fact:
        case AccountOpened():
            return f"opened {subject}"
        case ConnectTokenGenerated():
            kind = f"Connect token {fact.connect_token_id} (…{fact.last_four})"
            return f"generated {kind} with the role {fact.role} for {subject}"
        case ConnectTokenRevoked():
            return f"revoked Connect token {fact.connect_token_id} of {subject}"
        case MemberAdded():
            return f"added member {fact.member_id} to {subject}, with the role {fact.role}"
        case MemberRoleChanged():
            return f"gave member {fact.member_id} of {subject} the role {fact.role}"
        case MemberRemoved():
            return f"removed member {fact.member_id} from {subject}"
        case MemberLinkMade():
            return f"made a new one-time link for member {fact.member_id} of {subject}"
        case IntegrationCreated():
            name = f"{fact.display_name!r}, schema {fact.schema_name}"
            return f"created {subject} ({name}) for account {fact.account_id}"
        case IntegrationRenamed():
            return f"renamed {subject} to {fact.display_name!r}"
        case IntegrationPaused():
            return f"paused {subject}"
        case IntegrationResumed():
            return f"resumed {subject}"
        case IntegrationDeleted():
            return f"deleted {subject}"
        case TokenGenerated():
            return f"generated token {fact.token_id} (…{fact.last_four}) for {subject}"
        case TokenRevoked():
            return f"revoked token {fact.token_id} of {subject}"
        case ReceiptsSealed():
            return f"sealed {fact.count} receipts, {fact.first} to {fact.last}"
        case LogRestored():
            return f"restored the log from {fact.old_origin}, which had {fact.old_size} events"
        case _:
            assert_never(fact)
