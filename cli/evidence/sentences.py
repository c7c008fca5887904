"""One sentence for each fact, for people who do not read JSON."""

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
    ReceiptsSealed,
    TokenGenerated,
    TokenRevoked,
)


def sentence(event: dict[str, Any]) -> str:
    """``#12 2026-11-23 12:00:00 connect-token/9 generated token 3 (…a1b2) for integration 1``."""
    moment = str(event["time"])[:19].replace("T", " ")
    return f"#{int(event['sequence'])} {moment} {event['actor']} {what_happened(event)}"


def what_happened(event: dict[str, Any]) -> str:
    try:
        fact = decode(event["type"], event["data"])
    except (UnknownFact, CorruptFact):
        return f"recorded {event['type']} in {event['subject']}"
    return _told(fact, str(event["subject"]).replace("/", " "))


def _told(fact: Fact, subject: str) -> str:  # noqa: C901, PLR0911, PLR0912 - one line a fact
    match fact:
        case AccountOpened():
            return f"opened {subject}"
        case ConnectTokenGenerated():
            kind = f"Connect token {fact.connect_token_id} (…{fact.last_four})"
            return f"generated {kind} with the role {fact.role} for {subject}"
        case ConnectTokenRevoked():
            return f"revoked Connect token {fact.connect_token_id} of {subject}"
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
