"""What is decided by until the store is asked: the tokens' rows, as they were last seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from services.ingest.admission import Token
from services.ingest.reporting.usage_stats import NOBODY, Whose

TOKENS_MAX = 65_536
ABSENT_MAX = 10_000


class Absent(NamedTuple):
    """No active token, as the store said: revoked, or never made (``whose`` is nobody)."""

    whose: Whose

    @property
    def revoked(self) -> bool:
        return self.whose != NOBODY


class Beliefs:
    """Rows that the store showed. They may let a request go on, and no more.

    What they would let in or refuse is so only when the group's transaction finds them true.
    That a token is not there is remembered too, so that the store is not asked again for each
    request with it: until a token changes anywhere, and only while somebody listens for that.
    """

    def __init__(self) -> None:
        # Whether changes are heard of (mirror.py).
        self.listening = False
        # Whether every active token was here, when they were last read.
        self.whole = False
        # Grows with everything that is heard: what was asked before may not be so any more.
        self.news = 0
        self._tokens: dict[bytes, Token] = {}
        self._absent: dict[bytes, Absent] = {}

    def of(self, token_hash: bytes) -> Token | None:
        """None: not known, which a group takes for not there, and is told if that is wrong."""
        return self._tokens.get(token_hash)

    def knows(self, token_hash: bytes) -> bool:
        """Whether a token of this hash was there a moment ago."""
        return token_hash in self._tokens

    def absent(self, token_hash: bytes) -> Absent | None:
        """None: nobody was told so lately."""
        return self._absent.get(token_hash)

    def whose(self, token_hash: bytes) -> Whose:
        if token := self._tokens.get(token_hash):
            return Whose(token.integration_id, token.token_id)
        absent = self._absent.get(token_hash)
        return NOBODY if absent is None else absent.whose

    def learn(self, rows: Iterable[tuple[bytes, Token | None]]) -> None:
        for token_hash, token in rows:
            self._tokens.pop(token_hash, None)
            if token is not None:
                self._tokens[token_hash] = token
                self._absent.pop(token_hash, None)
        while len(self._tokens) > TOKENS_MAX:
            self.whole = False
            del self._tokens[next(iter(self._tokens))]

    def learn_absent(self, token_hash: bytes, absent: Absent, *, news: int) -> None:
        """``news`` as it was before the store was asked."""
        self._tokens.pop(token_hash, None)
        if not self.listening or news != self.news:
            return
        self._absent[token_hash] = absent
        if len(self._absent) > ABSENT_MAX:
            del self._absent[next(iter(self._absent))]

    def heard(self) -> None:
        """A token changed, or may have: what was not there may be there now."""
        self.news += 1
        self._absent.clear()

    def replace(self, integration_ids: Collection[int], tokens: Mapping[bytes, Token]) -> None:
        """``tokens`` are all that these integrations have."""
        gone = [
            token_hash
            for token_hash, token in self._tokens.items()
            if token.integration_id in integration_ids and token_hash not in tokens
        ]
        for token_hash in gone:
            del self._tokens[token_hash]
        self.learn(tokens.items())

    def replace_all(self, tokens: dict[bytes, Token], *, whole: bool) -> None:
        self._tokens = tokens
        self.whole = whole
