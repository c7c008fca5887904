"""Asking for one token's row outside of a group.

Needed when nobody has seen the token yet, and when something else is wrong with a request (the
order of checks, wire contract 2.5, puts a bad token before it): whatever is remembered of a token
may let a request go on, but a no is the store's.
"""

from __future__ import annotations

import asyncio

from asyncpg import Pool, Record

from events.sql_files import load_queries
from protocol.refusals.edge import NotAuthorized, RevokedTokenUsed, TokenUnknown
from services.ingest.admission import ASSUMED_ACTIVE, Token
from services.ingest.reporting.usage_stats import NOBODY, Whose
from services.ingest.token_cache.cache import Absent, Beliefs
from services.receiving.memory_budget import unavailable
from services.runtime.database import AWAY

ANSWER_SECONDS_MAX = 5.0

_REVOKED = "revoked"


class TokenLookup:
    """``mirror_decides``: while the store cannot be reached, by what is remembered."""

    def __init__(
        self, pool: Pool[Record], beliefs: Beliefs, *, mirror_decides: bool = False
    ) -> None:
        self._pool = pool
        self._beliefs = beliefs
        self._query = load_queries("services.ingest")["look_up_token"]
        self._mirror_decides = mirror_decides
        # Whether a token of this hash was there a moment ago.
        self.believes = beliefs.knows

    async def find(self, token_hash: bytes) -> Token:
        """Raises TokenUnknown, TokenRevoked, and ServiceUnavailable when nobody can say."""
        absent = self._beliefs.absent(token_hash)
        if absent is None:
            news = self._beliefs.news
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    row = await self._pool.fetchrow(self._query, token_hash)
            except AWAY:
                return self._find_while_away(token_hash)
            if row is not None and row["state"] != _REVOKED:
                token = Token(*row)
                self._beliefs.learn([(token_hash, token)])
                return token
            absent = Absent(
                NOBODY if row is None else Whose(row["integration_id"], row["token_id"])
            )
            self._beliefs.learn_absent(token_hash, absent, news=news)
        raise _refusal(absent)

    def _find_while_away(self, token_hash: bytes) -> Token:
        if not self._mirror_decides:
            raise unavailable() from None
        token = self._beliefs.of(token_hash)
        if token is not None:
            return token
        if self._beliefs.whole:
            raise TokenUnknown
        return ASSUMED_ACTIVE

    def whose(self, token_hash: bytes) -> Whose:
        """As far as is remembered."""
        return self._beliefs.whose(token_hash)


def _refusal(absent: Absent) -> NotAuthorized:
    return RevokedTokenUsed(*absent.whose) if absent.revoked else TokenUnknown()


class PresentedToken:
    """The token of one request: looked up at most once, and only when somebody must know."""

    __slots__ = ("_found", "_lookup", "hash")

    def __init__(self, token_hash: bytes, lookup: TokenLookup) -> None:
        self.hash = token_hash
        self._lookup = lookup
        self._found: Token | None = None

    async def found(self) -> Token:
        """Raises TokenUnknown or TokenRevoked."""
        if self._found is None:
            self._found = await self._lookup.find(self.hash)
        return self._found

    async def found_gone(self) -> None:
        """When a group has found no such token: raises which kind of not there it is."""
        self._found = None
        await self.found()
