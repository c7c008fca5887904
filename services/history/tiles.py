"""The tree as C2SP texts and tiles, so that other people's verifiers can read the log."""

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
# Some megabytes; a log of ten million events has twice as many full tiles' roots at most.
CACHED_ROOTS_MAX = 40_000


class PublishedCheckpoint(NamedTuple):
    size: int
    note: str
    key: str

    @property
    def origin(self) -> str:
        return self.note.partition("\n")[0]


async def checkpoint(request: web.Request) -> web.Response:
    """GET /log/checkpoint: the newest; the header tells how far the log has come since."""
    allow_parameters(request)
    signed = await _newest_checkpoint(request.app[POOL])
    headers = {"Cache-Control": FRESH, LOG_SIZE: str(await log_size(request.app[POOL]))}
    return web.Response(text=signed.note, headers=headers)


async def checkpoints(request: web.Request) -> web.StreamResponse:
    """GET /log/checkpoints: all of this log, the oldest first, one after the other.

    There may be as many as events, so they are never all in memory.
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
    """GET /log/tile/L/N[.p/W]: hashes, as far as the newest checkpoint covers them."""
    allow_parameters(request)
    level = int(request.match_info["level"])
    place = _place(request)
    signed = await _newest_checkpoint(request.app[POOL])
    if level > LEVEL_MAX or place.entries.stop > signed.size // TILE_WIDTH**level:
        raise web.HTTPNotFound
    async with request.app[POOL].acquire() as connection:
        wanted = Entries(level, place.entries.start, place.entries.stop)
        hashes = (await read_entries(connection, [wanted]))[wanted]
    return _immutable(b"".join(hashes))


async def entry_bundle(request: web.Request) -> web.Response:
    """GET /log/tile/entries/N[.p/W]: the events themselves, each behind its length.

    Whole bundles or nothing: not for readers who may see only their own account's events.
    """
    allow_parameters(request)
    if visible_account(request) is not None:
        raise web.HTTPForbidden(reason="entries hold other accounts' events; read /events")
    place = _place(request)
    signed = await _newest_checkpoint(request.app[POOL])
    if place.entries.stop > signed.size:
        raise web.HTTPNotFound
    rows = await request.app[POOL].fetch(
        load_queries("services.history")["records"], place.entries.start, place.entries.stop
    )
    request[ACCESS_RECORD].add(len(rows))
    records = [row["record"].encode() for row in rows]
    return _immutable(b"".join(len(one).to_bytes(LENGTH_BYTES) + one for one in records))


async def proof(request: web.Request) -> web.Response:
    """GET /log/proof/N: shows event N to somebody without the log, under the newest checkpoint."""
    allow_parameters(request)
    number = int(request.match_info["number"])
    async with request.app[POOL].acquire() as connection:
        signed = await _newest_checkpoint(connection)
        if number >= signed.size:
            raise web.HTTPNotFound(reason=f"{signed.size} events are signed; there is no {number}")
        spans = [tile_entries(span) for span in inclusion_spans(number, signed.size)]
        wanted = [group for span in spans for group in span]
        hashes = await request.app[ROOT_CACHE].hashes(connection, signed.origin, wanted)
    roots = [span_root([hashes[group] for group in span]) for span in spans]
    text = proof_text(number, roots, signed.note)
    return web.Response(text=text, headers={"Cache-Control": FRESH})


class RootCache:
    """Roots over roots of full tiles, which never change in the log of one origin.

    There are few above the leaves, and every proof needs some: computing them anew took a third
    of its time.
    """

    def __init__(self) -> None:
        self._roots: dict[tuple[str, Entries], list[bytes]] = {}

    async def hashes(
        self, connection: AnyConnection, origin: str, wanted: Sequence[Entries]
    ) -> dict[Entries, list[bytes]]:
        """As ``read_entries``, but a group above the leaves may come as its root alone."""
        known = {g: self._roots[origin, g] for g in wanted if (origin, g) in self._roots}
        found = await read_entries(connection, [g for g in wanted if g not in known])
        for group, hashes in found.items():
            if group.level:
                found[group] = self._roots[origin, group] = [root_of(hashes)]
        while len(self._roots) > CACHED_ROOTS_MAX:
            del self._roots[next(iter(self._roots))]
        return known | found


ROOT_CACHE: web.AppKey[RootCache] = web.AppKey("kept", RootCache)


async def read_entries(
    connection: AnyConnection, wanted: Sequence[Entries]
) -> dict[Entries, list[bytes]]:
    """All of them; those of level 0 are the leaf hashes of the log itself."""
    columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], []]
    rows = await connection.fetch(load_queries("services.history")["entries"], *columns)
    found = {group: _cut(row["hashes"] or b"") for group, row in zip(wanted, rows, strict=True)}
    for group, hashes in found.items():
        if len(hashes) != group.stop - group.start:
            raise web.HTTPNotFound(reason=f"the log lacks some of its {group}")
    return found


def _cut(joined: bytes) -> list[bytes]:
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


async def _newest_checkpoint(connection: AnyConnection | Pool[Record]) -> PublishedCheckpoint:
    row = await connection.fetchrow(load_queries("services.history")["newest_checkpoint"])
    if row is None:
        raise web.HTTPNotFound(reason="nothing is signed yet")
    return PublishedCheckpoint(**row)


def _place(request: web.Request) -> TilePosition:
    place = parse_tile_path(request.match_info["place"])
    if place is None:
        raise web.HTTPNotFound
    return place


def _immutable(body: bytes) -> web.Response:
    return web.Response(
        body=body,
        content_type="application/octet-stream",
        headers={"Cache-Control": IMMUTABLE},
    )
