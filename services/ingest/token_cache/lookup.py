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
from services.ingest.admission import ASSUMED_ACTIVE, UNKNOWN_OWNER, Token, TokenOwner
from services.ingest.token_cache.cache import NegativeEntry, TokenCache
from services.receiving.memory_budget import unavailable
from services.runtime.database import AWAY

ANSWER_SECONDS_MAX = 5.0

_REVOKED = "revoked"


class TokenLookup:
    """``mirror_decides``: while the store cannot be reached, by what is remembered."""

    def __init__(
        self, pool: Pool[Record], cache: TokenCache, *, cache_when_unavailable: bool = False
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._query = load_queries("services.ingest")["look_up_token"]
        self._cache_when_unavailable = cache_when_unavailable
        # Whether a token of this hash was there a moment ago.
        self.believes = cache.contains

    async def find(self, token_hash: bytes) -> Token:
        """Raises TokenUnknown, TokenRevoked, and ServiceUnavailable when nobody can say."""
        entry = self._cache.negative_entry(token_hash)
        if entry is None:
            generation = self._cache.generation
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    row = await self._pool.fetchrow(self._query, token_hash)
            except AWAY:
                return self._find_in_cache(token_hash)
            if row is not None and row["state"] != _REVOKED:
                token = Token(*row)
                self._cache.put([(token_hash, token)])
                return token
            entry = NegativeEntry(
                UNKNOWN_OWNER if row is None else TokenOwner(row["integration_id"], row["token_id"])
            )
            self._cache.put_negative(token_hash, entry, generation=generation)
        raise _refusal(entry)

    def _find_in_cache(self, token_hash: bytes) -> Token:
        if not self._cache_when_unavailable:
            raise unavailable() from None
        token = self._cache.get(token_hash)
        if token is not None:
            return token
        if self._cache.complete:
            raise TokenUnknown
        return ASSUMED_ACTIVE

    def owner_of(self, token_hash: bytes) -> TokenOwner:
        """As far as is remembered."""
        return self._cache.owner_of(token_hash)


def _refusal(entry: NegativeEntry) -> NotAuthorized:
    return RevokedTokenUsed(*entry.owner) if entry.revoked else TokenUnknown()


class PresentedToken:
    """The token of one request: looked up at most once, and only when somebody must know."""

    __slots__ = ("_found", "_lookup", "hash")

    def __init__(self, token_hash: bytes, lookup: TokenLookup) -> None:
        self.hash = token_hash
        self._lookup = lookup
        self._found: Token | None = None

    async def look_up(self) -> Token:
        """Raises TokenUnknown or TokenRevoked."""
        if self._found is None:
            self._found = await self._lookup.find(self.hash)
        return self._found

    async def look_up_missing(self) -> None:
        """When a group has found no such token: raises which kind of not there it is."""
        self._found = None
        await self.look_up()
