"""Looking up one token's row outside of a group.

Needed after a cache miss, and when something else is wrong with a request: the order of checks
(wire contract 2.5) puts a bad token first, and only the database may reject a token.
"""

from __future__ import annotations

import asyncio

from asyncpg import Pool, Record

from events.sql_files import load_queries
from protocol.refusals.edge import (
    NotAuthorized,
    RevokedTokenUsed,
    ServiceUnavailable,
    TokenUnknown,
)
from services.ingest.admission import UNKNOWN_OWNER, UNVERIFIED, TokenOwner
from services.ingest.token_cache.cache import NegativeEntry, TokenCache
from services.journal.candidates import TokenRow
from services.runtime.database import AWAY

ANSWER_SECONDS_MAX = 5.0

_REVOKED = "revoked"


class TokenLookup:
    """``cache_when_unavailable``: the cache decides while the database is unreachable."""

    def __init__(
        self, pool: Pool[Record], cache: TokenCache, *, cache_when_unavailable: bool = False
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._query = load_queries("services.ingest")["look_up_token"]
        self._cache_when_unavailable = cache_when_unavailable
        self.is_cached = cache.contains
        self.owner_of = cache.owner_of

    async def find(self, token_hash: bytes) -> TokenRow:
        """Raises TokenUnknown, RevokedTokenUsed, and ServiceUnavailable if that is unknown."""
        entry = self._cache.negative_entry(token_hash)
        if entry is None:
            generation = self._cache.generation
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    row = await self._pool.fetchrow(self._query, token_hash)
            except AWAY:
                return self._find_in_cache(token_hash)
            if row is not None and row["state"] != _REVOKED:
                token = TokenRow(*row)
                self._cache.put([(token_hash, token)])
                return token
            entry = NegativeEntry(
                UNKNOWN_OWNER if row is None else TokenOwner(row["integration_id"], row["token_id"])
            )
            self._cache.put_negative(token_hash, entry, generation=generation)
        raise _refusal(entry)

    def _find_in_cache(self, token_hash: bytes) -> TokenRow:
        if not self._cache_when_unavailable:
            raise ServiceUnavailable from None
        token = self._cache.get(token_hash)
        if token is not None:
            return token
        if self._cache.complete:
            raise TokenUnknown
        return UNVERIFIED


def _refusal(entry: NegativeEntry) -> NotAuthorized:
    return RevokedTokenUsed(*entry.owner) if entry.revoked else TokenUnknown()


class PresentedToken:
    """The token of one request: looked up at most once, and only if its row is needed."""

    __slots__ = ("_found", "_lookup", "hash")

    def __init__(self, token_hash: bytes, lookup: TokenLookup) -> None:
        self.hash = token_hash
        self._lookup = lookup
        self._found: TokenRow | None = None

    async def look_up(self) -> TokenRow:
        """Raises what ``TokenLookup.find`` raises."""
        if self._found is None:
            self._found = await self._lookup.find(self.hash)
        return self._found

    async def look_up_again(self) -> None:
        """After a commit found no active token: raises TokenUnknown or RevokedTokenUsed."""
        self._found = None
        await self.look_up()
