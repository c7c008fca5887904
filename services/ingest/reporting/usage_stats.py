"""What is counted of pushes until it is written: who used which token, and what was refused.

In memory, and bounded whatever is sent: a kind of refusal is a reason that we gave, of a token that
the store knows; everything else falls together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.ingest.admission import Token

# Kinds of refusals that get rows of their own in one minute, of one program. What is over it is
# counted under its reason alone, and reasons are a closed set.
KINDS_A_MINUTE_MAX = 1_000
# Rows that wait to be written, while the database is away.
REFUSALS_KEPT_MAX = 10_000
USES_KEPT_MAX = 65_536


class Whose(NamedTuple):
    """Of a token that the store knows, also of one that was revoked; else nobody's."""

    integration_id: int | None
    token_id: int | None


NOBODY = Whose(None, None)


class Kind(NamedTuple):
    minute: datetime
    reason: str
    whose: Whose


@dataclass(slots=True)
class Refused:
    first_at: datetime
    last_at: datetime
    requests: int
    bytes: int
    last_peer: str | None

    def add(self, other: Refused) -> None:
        """``other`` came later."""
        self.last_at = other.last_at
        self.last_peer = other.last_peer
        self.requests += other.requests
        self.bytes += other.bytes


@dataclass(slots=True)
class Use:
    integration_id: int
    first_at: datetime
    first_peer: str | None
    last_at: datetime
    last_peer: str | None


class Counted(NamedTuple):
    uses: dict[int, Use]
    refusals: dict[Kind, Refused]


class Counts:
    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._kinds: set[tuple[str, Whose]] = set()
        self._uses: dict[int, Use] = {}
        self._refusals: dict[Kind, Refused] = {}
        self._full_since: datetime | None = None

    def used(self, pushes: Iterable[tuple[Token, str | None, datetime]]) -> None:
        """Pushes that were taken: with which token, whose, and when."""
        uses = self._uses
        for token, peer, moment in pushes:
            use = uses.get(token.token_id)
            if use is not None:
                use.last_at = moment
                use.last_peer = peer
            elif len(uses) < USES_KEPT_MAX:
                uses[token.token_id] = Use(token.integration_id, moment, peer, moment, peer)

    def refused(
        self, reason: str, whose: Whose, *, now: datetime, body_bytes: int, peer: str | None
    ) -> None:
        """``reason`` is a refusal's code."""
        minute = now.replace(second=0, microsecond=0)
        if self._minute != minute:
            self._minute = minute
            self._kinds.clear()
        if whose != NOBODY and (reason, whose) not in self._kinds:
            if len(self._kinds) < KINDS_A_MINUTE_MAX:
                self._kinds.add((reason, whose))
            else:
                whose = NOBODY
        self._add(Kind(minute, reason, whose), Refused(now, now, 1, body_bytes, peer))

    def _add(self, kind: Kind, refused: Refused) -> None:
        if kind not in self._refusals and len(self._refusals) >= REFUSALS_KEPT_MAX:
            # Nothing was written for long. From here on there is one row for each reason, and not
            # one a minute.
            self._full_since = self._full_since or kind.minute
            kind = Kind(self._full_since, kind.reason, NOBODY)
        if (so_far := self._refusals.setdefault(kind, refused)) is not refused:
            so_far.add(refused)

    def take(self) -> Counted:
        """All that was counted since the last time; from here on the caller's to write."""
        counted = Counted(self._uses, self._refusals)
        self._uses, self._refusals = {}, {}
        if len(counted.refusals) < REFUSALS_KEPT_MAX:
            self._full_since = None
        return counted

    def put_back(self, counted: Counted) -> None:
        """What could not be written is counted on."""
        later = Counted(self._uses, self._refusals)
        self._uses, self._refusals = counted
        for token_id, use in later.uses.items():
            if earlier := self._uses.get(token_id):
                use.first_at, use.first_peer = earlier.first_at, earlier.first_peer
            self._uses[token_id] = use
        for kind, refused in later.refusals.items():
            self._add(kind, refused)
