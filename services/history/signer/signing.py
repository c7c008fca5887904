"""Signing: check that the log extends the last checkpoint, then sign and publish a new one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from events.checkpoint import (
    BadCheckpoint,
    Checkpoint,
    open_note,
    read_unverified_note,
    sign,
    verifier_key,
)
from events.log import AnyConnection
from events.merkle import HASH_BYTES, leaf_hash
from events.sql_files import load_queries
from events.tiles import FullTile, TileBuilder
from services.history.signer.files import SignerFiles
from services.runtime.clock import Clock

ORIGIN_PREFIX = "pushgate/"
PAGE_LEAVES = 65_536
# The whole log is read again after fifty times as long as the last full reading took, so that it
# takes at most a fiftieth of the time, and a change of the past is found within the hour.
RECHECK_FACTOR = 50
RECHECK_SECONDS_MAX = 3_600.0


class LogDoesNotExtend(Exception):
    """The log does not extend what was signed; nothing is signed until the operator intervenes."""


class SignerStateMissing(Exception):
    """The log has checkpoints, but the signer's record of them is missing or damaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Head:
    size: int
    origin: str


class Signer:
    """Keeps the tree in memory between calls, so that only new leaves are read."""

    def __init__(self, files: SignerFiles, clock: Clock) -> None:
        """Raises BadKeyFile, SignerStateMissing."""
        self._files = files
        self._clock = clock
        self._key: Ed25519PrivateKey = files.private_key()
        self._signed = self._last_signed()
        self._tree: TileBuilder | None = None
        self._tiles: list[FullTile] = []
        self._published = False
        self._recheck_at = clock.monotonic()
        # The number of events at the last reading.
        self.log_events = 0

    @property
    def size(self) -> int:
        """The number of events under the last signed checkpoint."""
        return 0 if self._signed is None else self._signed.size

    async def sign_next(self, connection: AnyConnection) -> Checkpoint | None:
        """The new checkpoint; None when there were no new events.

        Raises LogDoesNotExtend, SignerStateMissing. May be cancelled anywhere: the next call, of
        this process or another, continues where it stopped.
        """
        head = await self._head(connection)
        if self._signed is None:
            await self._require_first_use(connection, head)
        elif self._signed.origin != head.origin:
            await self._require_declared_restore(connection, self._signed, head)
        elif head.size < self._signed.size:
            raise LogDoesNotExtend(
                f"it has {head.size} events, but {self._signed.size} were signed"
            )
        await self._grow_tree(connection, head)
        return await self._sign(connection, head)

    def _last_signed(self) -> Checkpoint | None:
        note = self._files.note()
        if note is None:
            return None
        try:
            name = read_unverified_note(note)[0].origin
            return open_note(note, verifier_key(name, self._key))
        except BadCheckpoint as error:
            raise SignerStateMissing(
                f"{self._files.note_path} is not a checkpoint signed with {self._files.key_path}"
                f" ({error}): restore the signer's directory, or see docs/operations/restore.md"
            ) from error

    async def _head(self, connection: AnyConnection) -> _Head:
        row = await connection.fetchrow(load_queries("events")["head"])
        assert row is not None, "the only row of head is created by the first migration"
        self.log_events = row["size"]
        return _Head(size=row["size"], origin=ORIGIN_PREFIX + row["origin"])

    async def _require_first_use(self, connection: AnyConnection, head: _Head) -> None:
        queries = load_queries("services.history")
        if (size := await connection.fetchval(queries["signed_size"], head.origin)) is not None:
            raise SignerStateMissing(
                f"{size} events of this log were signed, but {self._files.note_path} is missing: "
                "restore the signer's directory, or run `pushgate history begin-anew`"
            )

    async def _require_declared_restore(
        self, connection: AnyConnection, signed: Checkpoint, head: _Head
    ) -> None:
        """Another origin is accepted only if the log itself records which one it continues."""
        queries = load_queries("services.history")
        for row in await connection.fetch(queries["restorations"]):
            record = row["record"].encode()
            stored = await connection.fetchval(queries["one_leaf_hash"], row["number"])
            if stored == leaf_hash(record) and _continues(json.loads(record)["data"], signed):
                # The log is read from its start: what was signed belongs to another log.
                self._tree, self._signed = None, None
                return
        raise LogDoesNotExtend(
            f"its origin is {head.origin}, and it does not record that it continues {signed.origin}"
            f" from {signed.size} events: run `pushgate history begin-anew` after a restore"
        )

    async def _grow_tree(self, connection: AnyConnection, head: _Head) -> None:
        from_start = self._tree is None or self._clock.monotonic() >= self._recheck_at
        if not from_start:
            assert self._tree is not None
            self._tiles += await _read_leaves(connection, self._tree, head.size)
            return
        began = self._clock.monotonic()
        tree, tiles = TileBuilder(), []
        if self._signed is not None:
            tiles += await _read_leaves(connection, tree, self._signed.size)
            if tree.root() != self._signed.root:
                raise LogDoesNotExtend(
                    f"its first {self._signed.size} events differ from those that were signed"
                )
        tiles += await _read_leaves(connection, tree, head.size)
        self._tree, self._tiles, self._published = tree, tiles, False
        now = self._clock.monotonic()
        self._recheck_at = now + min(RECHECK_FACTOR * (now - began), RECHECK_SECONDS_MAX)

    async def _sign(self, connection: AnyConnection, head: _Head) -> Checkpoint | None:
        assert self._tree is not None
        if self._tree.size == 0:
            return None  # an empty tree proves nothing
        await _publish_tiles(connection, self._tiles)
        self._tiles = []
        found = Checkpoint(origin=head.origin, size=self._tree.size, root=self._tree.root())
        is_new = found != self._signed
        note = sign(found, self._key)
        if is_new:
            await asyncio.to_thread(self._files.save_note, note)
            self._signed, self._published = found, False
        if not self._published:
            await self._publish(connection, found, note)
            self._published = True
        return found if is_new else None

    async def _publish(self, connection: AnyConnection, found: Checkpoint, note: str) -> None:
        await connection.execute(
            load_queries("services.history")["publish_checkpoint"],
            found.origin,
            found.size,
            found.root,
            note,
            str(verifier_key(found.origin, self._key)),
        )


def _continues(data: dict[str, object], signed: Checkpoint) -> bool:
    size = data["old_size"]
    assert isinstance(size, int)
    exactly = size == signed.size and data["old_root"] == signed.root.hex()
    return data["old_origin"] == signed.origin and (size > signed.size or exactly)


async def _read_leaves(connection: AnyConnection, tree: TileBuilder, size: int) -> list[FullTile]:
    """Extends the tree to ``size`` leaves and returns the tiles they fill."""
    query = load_queries("services.history")["leaf_hashes"]
    tiles: list[FullTile] = []
    while tree.size < size:
        start, end = tree.size, min(tree.size + PAGE_LEAVES, size)
        row = await connection.fetchrow(query, start, end)
        assert row is not None, "an aggregate has one row"
        if (row["found"], row["first"], row["last"]) != (end - start, start, end - 1):
            raise LogDoesNotExtend(f"only {row['found']} of the events {start} to {end - 1} exist")
        joined = row["hashes"]
        tiles += tree.extend(
            [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]
        )
    return tiles


async def _publish_tiles(connection: AnyConnection, tiles: list[FullTile]) -> None:
    """Raises LogDoesNotExtend when a tile was published before with another root."""
    if not tiles:
        return
    columns = [list(column) for column in zip(*tiles, strict=True)]
    query = load_queries("services.history")["publish_tiles"]
    if (other := await connection.fetchrow(query, *columns)) is not None:
        raise LogDoesNotExtend(
            f"tile {other['number']} of level {other['level']} was published with another root"
        )
