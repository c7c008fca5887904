"""Asking for one token's row outside of a group.

Needed when something else is wrong with a request (the order of checks, wire contract 2.5, puts
a bad token before it), and before much is read on a token's word.
"""

from __future__ import annotations

from asyncpg import Pool, Record

from events.queries import load_queries
from protocol.refusals.edge import TokenUnknown
from services.ingest.admission import Token
from services.ingest.beliefs import Beliefs
from services.ingest.in_flight import unavailable
from services.runtime.database import AWAY


class TokenLookup:
    """``while_away`` answers for the database when that cannot be reached."""

    def __init__(
        self, pool: Pool[Record], beliefs: Beliefs, *, while_away: Token | None = None
    ) -> None:
        self._pool = pool
        self._beliefs = beliefs
        self._query = load_queries("services.ingest")["look_up_token"]
        self._while_away = while_away

    async def find(self, token_hash: bytes) -> Token | None:
        """None when it is unknown or revoked. Raises ServiceUnavailable when nobody can say."""
        try:
            row = await self._pool.fetchrow(self._query, token_hash)
        except AWAY:
            if self._while_away is None:
                raise unavailable() from None
            return self._while_away
        found = None if row is None else Token(*row)
        self._beliefs.learn([(token_hash, found)])
        return found

    def believes(self, token_hash: bytes) -> bool:
        return self._beliefs.of(token_hash) is not None


class PresentedToken:
    """The token of one request: looked up at most once, and only when somebody must know."""

    __slots__ = ("_found", "_lookup", "hash")

    def __init__(self, token_hash: bytes, lookup: TokenLookup) -> None:
        self.hash = token_hash
        self._lookup = lookup
        self._found: Token | None = None

    async def found(self) -> Token:
        """Raises TokenUnknown when it is unknown or revoked."""
        if self._found is None:
            self._found = await self._lookup.find(self.hash)
        if self._found is None:
            raise TokenUnknown
        return self._found

    async def confirm(self) -> None:
        """Lets a token go on that was there a moment ago; any other is looked up, as ``found``."""
        if not self._lookup.believes(self.hash):
            await self.found()
