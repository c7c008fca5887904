"""Split a Merkle tree into immutable tiles with paths (C2SP tlog-tiles). Pure.

Entry ``i`` of level 0 is the hash of leaf ``i``; entry ``i`` of level *n* is the root of full tile
``i`` of level *n* - 1. A tile has 256 consecutive entries, or fewer at the right edge.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from events.merkle import Frontier, Span, full_subtrees, node_hash, root_of

TILE_WIDTH = 256
TILE_HEIGHT = 8
LEVEL_MAX = 63

_PLACE = re.compile(r"^(?:x\d{3}/)*\d{3}(?:\.p/([1-9]\d{0,2}))?$")


class Entries(NamedTuple):
    """Consecutive entries of one level; ``stop`` is exclusive."""

    level: int
    start: int
    stop: int


class FullTile(NamedTuple):
    level: int
    number: int
    root: bytes


class TilePosition(NamedTuple):
    number: int
    width: int

    @property
    def entries(self) -> range:
        return range(self.number * TILE_WIDTH, self.number * TILE_WIDTH + self.width)


def parse_tile_path(text: str) -> TilePosition | None:
    """``x001/234.p/17`` is tile 1234 with width 17; None if ``text`` is not a tile path."""
    match = _PLACE.match(text)
    if match is None:
        return None
    width = int(match[1]) if match[1] else TILE_WIDTH
    if match[1] and width >= TILE_WIDTH:
        return None
    digits = text.partition(".")[0].replace("x", "").replace("/", "")
    position = TilePosition(int(digits), width)
    return position if tile_path(position) == text else None


def tile_path(position: TilePosition) -> str:
    groups = [f"{position.number % 1000:03d}"]
    rest = position.number // 1000
    while rest:
        groups.insert(0, f"x{rest % 1000:03d}")
        rest //= 1000
    partial = "" if position.width == TILE_WIDTH else f".p/{position.width}"
    return "/".join(groups) + partial


def tile_entries(span: Span) -> list[Entries]:
    """For each full subtree of the span, left to right, the tile entries that cover it."""
    groups = []
    for start, end in full_subtrees(span):
        level = ((end - start).bit_length() - 1) // TILE_HEIGHT
        width = TILE_WIDTH**level
        groups.append(Entries(level, start // width, end // width))
    return groups


def span_root(groups: Sequence[Sequence[bytes]]) -> bytes:
    """The root of a span that is a node of the tree, from the hashes of its ``entries_of``."""
    *others, root = [root_of(hashes) for hashes in groups]
    for left in reversed(others):
        root = node_hash(left, root)
    return root


class TileBuilder:
    """Grows with the log and returns each tile when it is full; uses logarithmic memory."""

    def __init__(self) -> None:
        self._full = Frontier()
        self._waiting: list[list[bytes]] = [[]]

    @property
    def size(self) -> int:
        return self._full.size + len(self._waiting[0])

    def extend(self, leaf_hashes: Sequence[bytes]) -> list[FullTile]:
        """The tiles that become full with these leaves, in that order."""
        filled: list[FullTile] = []
        edge, taken = self._waiting[0], 0
        while taken < len(leaf_hashes):
            room = TILE_WIDTH - len(edge)
            edge.extend(leaf_hashes[taken : taken + room])
            taken += room
            if len(edge) == TILE_WIDTH:
                filled.extend(self._fill())
        return filled

    def root(self) -> bytes:
        return self._full.root(edge=self._waiting[0])

    def _fill(self) -> Iterator[FullTile]:
        number = self._full.size // TILE_WIDTH
        self._full.push(root_of(self._waiting[0]), height=TILE_HEIGHT)
        for level, entries in enumerate(self._waiting):
            if len(entries) < TILE_WIDTH:
                return
            root = root_of(entries)
            entries.clear()
            yield FullTile(level, number, root)
            if level + 1 == len(self._waiting):
                self._waiting.append([])
            self._waiting[level + 1].append(root)
            number //= TILE_WIDTH
