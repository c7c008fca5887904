"""Facts of the stream of an integration, ``integration/12``."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegrationCreated:
    integration_id: int
    account_id: int
    display_name: str
    schema_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegrationRenamed:
    """The schema name does not change (wire contract 4.6)."""

    display_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegrationPaused:
    """``paused_at`` is the text sent by the caller, a time of at most 64 characters."""

    paused_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegrationResumed:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegrationDeleted:
    pass
