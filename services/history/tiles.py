"""/log/*: the Merkle tree as C2SP checkpoints, tiles and proofs, for any C2SP verifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web
from asyncpg import Pool, Record

from events.checkpoint import proof_text
from events.log import AnyConnection
from events.merkle import HASH_BYTES, inclusion_spans, root_of
from events.sql_files import load_queries
from events.tiles import (
    LEVEL_MAX,
    TILE_WIDTH,
    Entries,
    TilePosition,
    parse_tile_path,
    span_root,
    tile_entries,
)
from services.history.access import (
    ACCESS_RECORD,
    POOL,
    RESPONSE_STARTED,
    allow_parameters,
    visible_account,
)
from services.history.events_api import LOG_SIZE, log_size

IMMUTABLE = "private, max-age=31536000, immutable"
FRESH = "no-store"
TEXT = "text/plain; charset=utf-8"
LENGTH_BYTES = 2
CHECKPOINTS_PAGE = 1_000
# A few megabytes; a log of ten million events has at most twice as many roots of full tiles.
CACHED_ROOTS_MAX = 40_000


class PublishedCheckpoint(NamedTuple):
    size: int
    note: str
    key: str

    @property
    def origin(self) -> str:
        return self.note.partition("\n")[0]


async def checkpoint(request: web.Request) -> web.Response:
    """GET /log/checkpoint: the newest; a header states how many events the log has now."""
    allow_parameters(request)
    signed = await _newest_checkpoint(request.app[POOL])
    headers = {"Cache-Control": FRESH, LOG_SIZE: str(await log_size(request.app[POOL]))}
    return web.Response(text=signed.note, headers=headers)


async def checkpoints(request: web.Request) -> web.StreamResponse:
    """GET /log/checkpoints: all checkpoints of this log, oldest first, concatenated.

    There may be as many as events, so they are streamed.
    """
    allow_parameters(request)
    query = load_queries("services.history")["checkpoints"]
    rows = await request.app[POOL].fetch(query, -1, CHECKPOINTS_PAGE)
    response = web.StreamResponse(headers={"Content-Type": TEXT, "Cache-Control": FRESH})
    await response.prepare(request)
    request[RESPONSE_STARTED] = True
    while rows:
        await response.write("".join(row["note"] for row in rows).encode())
        rows = await request.app[POOL].fetch(query, rows[-1]["size"], CHECKPOINTS_PAGE)
    await response.write_eof()
    return response


async def keys(request: web.Request) -> web.Response:
    """GET /log/keys: the verifier key of the newest checkpoint. Compare it with the operator's."""
    allow_parameters(request)
    signed = await _newest_checkpoint(request.app[POOL])
    return web.Response(text=f"{signed.key}\n", headers={"Cache-Control": FRESH})


async def tile(request: web.Request) -> web.Response:
    """GET /log/tile/L/N[.p/W]: hashes, up to the newest checkpoint."""
    allow_parameters(request)
    level = int(request.match_info["level"])
    position = _tile_position(request)
    signed = await _newest_checkpoint(request.app[POOL])
    if level > LEVEL_MAX or position.entries.stop > signed.size // TILE_WIDTH**level:
        raise web.HTTPNotFound
    async with request.app[POOL].acquire() as connection:
        wanted = Entries(level, position.entries.start, position.entries.stop)
        hashes = (await read_entries(connection, [wanted]))[wanted]
    return _immutable(b"".join(hashes))


async def entry_bundle(request: web.Request) -> web.Response:
    """GET /log/tile/entries/N[.p/W]: the events themselves, each preceded by its length.

    403 for readers who may see only their own account's events: a bundle is never cut.
    """
    allow_parameters(request)
    if visible_account(request) is not None:
        raise web.HTTPForbidden(
            reason="entry bundles contain the events of other accounts; use /events"
        )
    position = _tile_position(request)
    signed = await _newest_checkpoint(request.app[POOL])
    if position.entries.stop > signed.size:
        raise web.HTTPNotFound
    rows = await request.app[POOL].fetch(
        load_queries("services.history")["records"], position.entries.start, position.entries.stop
    )
    request[ACCESS_RECORD].add(len(rows))
    records = [row["record"].encode() for row in rows]
    return _immutable(b"".join(len(one).to_bytes(LENGTH_BYTES) + one for one in records))


async def proof(request: web.Request) -> web.Response:
    """GET /log/proof/N: proves that event N is in the log of the newest checkpoint."""
    allow_parameters(request)
    number = int(request.match_info["number"])
    async with request.app[POOL].acquire() as connection:
        signed = await _newest_checkpoint(connection)
        if number >= signed.size:
            raise web.HTTPNotFound(
                reason=f"event {number} is not signed yet: {signed.size} events are"
            )
        spans = [tile_entries(span) for span in inclusion_spans(number, signed.size)]
        wanted = [group for span in spans for group in span]
        hashes = await request.app[ROOT_CACHE].hashes(connection, signed.origin, wanted)
    roots = [span_root([hashes[group] for group in span]) for span in spans]
    text = proof_text(number, roots, signed.note)
    return web.Response(text=text, headers={"Cache-Control": FRESH})


class RootCache:
    """Caches roots above full tiles, which never change in the log of one origin.

    There are few above the leaves, and every proof needs some: recomputing them took a third of
    the time of a proof.
    """

    def __init__(self) -> None:
        self._roots: dict[tuple[str, Entries], list[bytes]] = {}

    async def hashes(
        self, connection: AnyConnection, origin: str, wanted: Sequence[Entries]
    ) -> dict[Entries, list[bytes]]:
        """Like ``read_entries``, but a group above the leaves may be returned as its root alone."""
        known = {g: self._roots[origin, g] for g in wanted if (origin, g) in self._roots}
        found = await read_entries(connection, [g for g in wanted if g not in known])
        for group, hashes in found.items():
            if group.level:
                found[group] = self._roots[origin, group] = [root_of(hashes)]
        while len(self._roots) > CACHED_ROOTS_MAX:
            del self._roots[next(iter(self._roots))]
        return known | found


ROOT_CACHE: web.AppKey[RootCache] = web.AppKey("root_cache", RootCache)


async def read_entries(
    connection: AnyConnection, wanted: Sequence[Entries]
) -> dict[Entries, list[bytes]]:
    """The hashes of each group; those of level 0 are the leaf hashes of the log. Raises 404."""
    columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], []]
    rows = await connection.fetch(load_queries("services.history")["entries"], *columns)
    found = {group: _cut(row["hashes"] or b"") for group, row in zip(wanted, rows, strict=True)}
    for group, hashes in found.items():
        if len(hashes) != group.stop - group.start:
            raise web.HTTPNotFound(reason=f"hashes of {group} are missing from the log")
    return found


def _cut(joined: bytes) -> list[bytes]:
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


async def _newest_checkpoint(connection: AnyConnection | Pool[Record]) -> PublishedCheckpoint:
    row = await connection.fetchrow(load_queries("services.history")["newest_checkpoint"])
    if row is None:
        raise web.HTTPNotFound(reason="no checkpoint has been signed yet")
    return PublishedCheckpoint(**row)


def _tile_position(request: web.Request) -> TilePosition:
    position = parse_tile_path(request.match_info["place"])
    if position is None:
        raise web.HTTPNotFound
    return position


def _immutable(body: bytes) -> web.Response:
    return web.Response(
        body=body,
        content_type="application/octet-stream",
        headers={"Cache-Control": IMMUTABLE},
    )
