"""What is decided by until the store is asked: the tokens' rows, as they were last seen."""

from collections.abc import Iterable

from services.ingest.admission import Token

TOKENS_MAX = 65_536


class Beliefs:
    """Rows that the store showed. They may let a request go on, and no more.

    What they would let in or refuse is so only when the group's transaction finds them true.
    """

    def __init__(self) -> None:
        self._tokens: dict[bytes, Token] = {}

    def of(self, token_hash: bytes) -> Token | None:
        """None: not known, which a group takes for not there, and is told if that is wrong."""
        return self._tokens.get(token_hash)

    def learn(self, rows: Iterable[tuple[bytes, Token | None]]) -> None:
        for token_hash, token in rows:
            self._tokens.pop(token_hash, None)
            if token is not None:
                self._tokens[token_hash] = token
        while len(self._tokens) > TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]
