"""The token cache: rows of ``tokens.active_tokens`` in memory, and negative entries.

A cached row may let a request go on, and no more: the request is accepted or refused by it only if
the group's transaction finds it true. A negative entry spares the database a query for each request
with a token that does not exist; it lives until any token changes, and is made only while changes
are notified.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from services.ingest.admission import UNKNOWN_OWNER, TokenOwner
from services.journal.candidates import TokenRow

TOKENS_MAX = 65_536
NEGATIVE_ENTRIES_MAX = 10_000


class NegativeEntry(NamedTuple):
    """The database has no active token with this hash: it was revoked, or never created."""

    owner: TokenOwner

    @property
    def revoked(self) -> bool:
        return self.owner != UNKNOWN_OWNER


class TokenCache:
    def __init__(self) -> None:
        # Whether changes of tokens are notified (mirror.py).
        self.listening = False
        # Whether every active token fitted in when all were last read.
        self.complete = False
        # Incremented by every notification; an answer to an older query may be out of date.
        self.generation = 0
        self._tokens: dict[bytes, TokenRow] = {}
        self._negative: dict[bytes, NegativeEntry] = {}

    def get(self, token_hash: bytes) -> TokenRow | None:
        """None on a cache miss. A group treats that as no token, and learns if there is one."""
        return self._tokens.get(token_hash)

    def contains(self, token_hash: bytes) -> bool:
        return token_hash in self._tokens

    def negative_entry(self, token_hash: bytes) -> NegativeEntry | None:
        return self._negative.get(token_hash)

    def owner_of(self, token_hash: bytes) -> TokenOwner:
        """UNKNOWN_OWNER also for a token that is not cached."""
        if token := self._tokens.get(token_hash):
            return TokenOwner(token.integration_id, token.token_id)
        entry = self._negative.get(token_hash)
        return UNKNOWN_OWNER if entry is None else entry.owner

    def put(self, rows: Iterable[tuple[bytes, TokenRow | None]]) -> None:
        """None removes a token."""
        for token_hash, token in rows:
            self._tokens.pop(token_hash, None)
            if token is not None:
                self._tokens[token_hash] = token
                self._negative.pop(token_hash, None)
        while len(self._tokens) > TOKENS_MAX:
            self.complete = False
            del self._tokens[next(iter(self._tokens))]

    def put_negative(self, token_hash: bytes, entry: NegativeEntry, *, generation: int) -> None:
        """``generation`` as it was before the database was queried."""
        self._tokens.pop(token_hash, None)
        if not self.listening or generation != self.generation:
            return
        self._negative[token_hash] = entry
        if len(self._negative) > NEGATIVE_ENTRIES_MAX:
            del self._negative[next(iter(self._negative))]

    def invalidate(self) -> None:
        """Drops the negative entries: a token was created or changed, or may have been."""
        self.generation += 1
        self._negative.clear()

    def replace_integrations(
        self, integration_ids: Collection[int], tokens: Mapping[bytes, TokenRow]
    ) -> None:
        """``tokens`` are all active tokens of these integrations."""
        gone = [
            token_hash
            for token_hash, token in self._tokens.items()
            if token.integration_id in integration_ids and token_hash not in tokens
        ]
        for token_hash in gone:
            del self._tokens[token_hash]
        self.put(tokens.items())

    def replace_all(self, tokens: dict[bytes, TokenRow], *, complete: bool) -> None:
        self._tokens = tokens
        self.complete = complete
