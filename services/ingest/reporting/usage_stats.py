"""Usage statistics in memory, until they are written: uses of each token, and refused requests.

Bounded, whatever is sent. Refusals are counted by minute, reason and token owner; what exceeds the
limits is counted by its reason alone, and reasons are a closed set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.ingest.admission import UNKNOWN_OWNER, TokenOwner
from services.journal.candidates import TokenRow

# Reasons and owners that get rows of their own in one minute, in one process. Further ones are
# counted under UNKNOWN_OWNER.
REFUSAL_KEYS_PER_MINUTE_MAX = 1_000
# Rows that wait to be written while the database is unreachable.
REFUSAL_ROWS_MAX = 10_000
TOKEN_USES_MAX = 65_536


class RefusalKey(NamedTuple):
    minute: datetime
    reason: str
    owner: TokenOwner


@dataclass(slots=True)
class RefusalTotals:
    first_at: datetime
    last_at: datetime
    requests: int
    bytes: int
    last_peer: str | None

    def add(self, other: RefusalTotals) -> None:
        """``other`` is later."""
        self.last_at = other.last_at
        self.last_peer = other.last_peer
        self.requests += other.requests
        self.bytes += other.bytes


@dataclass(slots=True)
class TokenUse:
    integration_id: int
    first_at: datetime
    first_peer: str | None
    last_at: datetime
    last_peer: str | None


class UsageSnapshot(NamedTuple):
    uses: dict[int, TokenUse]
    refusals: dict[RefusalKey, RefusalTotals]


class UsageStats:
    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._minute_keys: set[tuple[str, TokenOwner]] = set()
        self._uses: dict[int, TokenUse] = {}
        self._refusals: dict[RefusalKey, RefusalTotals] = {}
        self._full_since: datetime | None = None

    def add_uses(self, pushes: Iterable[tuple[TokenRow, str | None, datetime]]) -> None:
        """Accepted pushes: the token, the peer and the time of receipt of each."""
        uses = self._uses
        for token, peer, moment in pushes:
            use = uses.get(token.token_id)
            if use is not None:
                use.last_at = moment
                use.last_peer = peer
            elif len(uses) < TOKEN_USES_MAX:
                uses[token.token_id] = TokenUse(token.integration_id, moment, peer, moment, peer)

    def add_refusal(
        self, reason: str, owner: TokenOwner, *, now: datetime, body_bytes: int, peer: str | None
    ) -> None:
        """``reason`` is the refusal's code."""
        minute = now.replace(second=0, microsecond=0)
        if self._minute != minute:
            self._minute = minute
            self._minute_keys.clear()
        if owner != UNKNOWN_OWNER and (reason, owner) not in self._minute_keys:
            if len(self._minute_keys) < REFUSAL_KEYS_PER_MINUTE_MAX:
                self._minute_keys.add((reason, owner))
            else:
                owner = UNKNOWN_OWNER
        self._add(RefusalKey(minute, reason, owner), RefusalTotals(now, now, 1, body_bytes, peer))

    def _add(self, key: RefusalKey, count: RefusalTotals) -> None:
        if key not in self._refusals and len(self._refusals) >= REFUSAL_ROWS_MAX:
            # Nothing has been written for long: from now on there is one row for each reason
            # instead of one for each minute.
            self._full_since = self._full_since or key.minute
            key = RefusalKey(self._full_since, key.reason, UNKNOWN_OWNER)
        if (so_far := self._refusals.setdefault(key, count)) is not count:
            so_far.add(count)

    def take(self) -> UsageSnapshot:
        """Everything counted since the last call; the caller writes it, or restores it."""
        snapshot = UsageSnapshot(self._uses, self._refusals)
        self._uses, self._refusals = {}, {}
        if len(snapshot.refusals) < REFUSAL_ROWS_MAX:
            self._full_since = None
        return snapshot

    def restore(self, snapshot: UsageSnapshot) -> None:
        """Adds back what could not be written."""
        later = UsageSnapshot(self._uses, self._refusals)
        self._uses, self._refusals = snapshot
        for token_id, use in later.uses.items():
            if earlier := self._uses.get(token_id):
                use.first_at, use.first_peer = earlier.first_at, earlier.first_peer
            self._uses[token_id] = use
        for key, count in later.refusals.items():
            self._add(key, count)
