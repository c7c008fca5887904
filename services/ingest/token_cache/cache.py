"""What is decided by until the store is asked: the tokens' rows, as they were last seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from services.ingest.admission import UNKNOWN_OWNER, Token, TokenOwner

TOKENS_MAX = 65_536
NEGATIVE_ENTRIES_MAX = 10_000


class NegativeEntry(NamedTuple):
    """No active token, as the store said: revoked, or never made (``whose`` is nobody)."""

    owner: TokenOwner

    @property
    def revoked(self) -> bool:
        return self.owner != UNKNOWN_OWNER


class TokenCache:
    """Rows that the store showed. They may let a request go on, and no more.

    What they would let in or refuse is so only when the group's transaction finds them true.
    That a token is not there is remembered too, so that the store is not asked again for each
    request with it: until a token changes anywhere, and only while somebody listens for that.
    """

    def __init__(self) -> None:
        # Whether changes are heard of (mirror.py).
        self.listening = False
        # Whether every active token was here, when they were last read.
        self.complete = False
        # Grows with everything that is heard: what was asked before may not be so any more.
        self.generation = 0
        self._tokens: dict[bytes, Token] = {}
        self._negative: dict[bytes, NegativeEntry] = {}

    def get(self, token_hash: bytes) -> Token | None:
        """None: not known, which a group takes for not there, and is told if that is wrong."""
        return self._tokens.get(token_hash)

    def contains(self, token_hash: bytes) -> bool:
        """Whether a token of this hash was there a moment ago."""
        return token_hash in self._tokens

    def negative_entry(self, token_hash: bytes) -> NegativeEntry | None:
        """None: nobody was told so lately."""
        return self._negative.get(token_hash)

    def owner_of(self, token_hash: bytes) -> TokenOwner:
        if token := self._tokens.get(token_hash):
            return TokenOwner(token.integration_id, token.token_id)
        absent = self._negative.get(token_hash)
        return UNKNOWN_OWNER if absent is None else absent.owner

    def put(self, rows: Iterable[tuple[bytes, Token | None]]) -> None:
        for token_hash, token in rows:
            self._tokens.pop(token_hash, None)
            if token is not None:
                self._tokens[token_hash] = token
                self._negative.pop(token_hash, None)
        while len(self._tokens) > TOKENS_MAX:
            self.complete = False
            del self._tokens[next(iter(self._tokens))]

    def put_negative(self, token_hash: bytes, entry: NegativeEntry, *, generation: int) -> None:
        """``news`` as it was before the store was asked."""
        self._tokens.pop(token_hash, None)
        if not self.listening or generation != self.generation:
            return
        self._negative[token_hash] = entry
        if len(self._negative) > NEGATIVE_ENTRIES_MAX:
            del self._negative[next(iter(self._negative))]

    def invalidate(self) -> None:
        """A token changed, or may have: what was not there may be there now."""
        self.generation += 1
        self._negative.clear()

    def replace_integrations(
        self, integration_ids: Collection[int], tokens: Mapping[bytes, Token]
    ) -> None:
        """``tokens`` are all that these integrations have."""
        gone = [
            token_hash
            for token_hash, token in self._tokens.items()
            if token.integration_id in integration_ids and token_hash not in tokens
        ]
        for token_hash in gone:
            del self._tokens[token_hash]
        self.put(tokens.items())

    def replace_all(self, tokens: dict[bytes, Token], *, complete: bool) -> None:
        self._tokens = tokens
        self.complete = complete
