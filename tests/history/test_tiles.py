from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tlog_scales import tiles as other
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader

from events.merkle import (
    Span,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    root_of,
    verify_consistency,
)
from events.tiles import (
    TILE_WIDTH,
    TileBuilder,
    TilePosition,
    parse_tile_path,
    span_root,
    tile_entries,
    tile_path,
)
from tests.rounds import rounds

HASHES = [leaf_hash(str(number).encode()) for number in range(70_000)]


@cache
def levels_over(size: int) -> list[list[bytes]]:
    """Every entry of every level, made by the builder alone."""
    levels = [HASHES[:size]]
    for level, _, root in TileBuilder().extend(HASHES[:size]):
        if level + 1 == len(levels):
            levels.append([])
        levels[level + 1].append(root)
    return levels


def root_over(span: Span, size: int) -> bytes:
    levels = levels_over(size)
    return span_root([levels[at.level][at.start : at.stop] for at in tile_entries(span)])


@pytest.mark.parametrize(
    ("number", "text"), [(0, "000"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")]
)
def test_a_path_is_written_in_groups_of_three_digits(number: int, text: str) -> None:
    assert tile_path(TilePosition(number, TILE_WIDTH)) == text
    assert parse_tile_path(text) == TilePosition(number, TILE_WIDTH)


@given(st.integers(0, 10**12), st.integers(1, TILE_WIDTH))
def test_a_path_is_read_as_it_was_written(number: int, width: int) -> None:
    text = tile_path(TilePosition(number, width))

    assert parse_tile_path(text) == TilePosition(number, width)
    assert text == "/".join(other.tile_path(0, number, width % TILE_WIDTH)[2:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0001",
        "x000/001",
        "001/002",
        "001.p/0",
        "001.p/256",
        "001.p/01",
        "../etc",
        "x1/001",
    ],
)
def test_no_other_path_is_taken(text: str) -> None:
    assert parse_tile_path(text) is None


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 65_535, 65_536, 70_000])
def test_tiles_have_the_root_of_the_whole_tree(size: int) -> None:
    builder = TileBuilder()
    builder.extend(HASHES[:size])

    assert builder.size == size
    assert builder.root() == root_of(HASHES[:size])


@given(st.lists(st.integers(0, 700), max_size=8))
def test_the_same_tiles_fill_whatever_the_steps(steps: list[int]) -> None:
    builder = TileBuilder()
    filled, start = [], 0
    for step in steps:
        filled += builder.extend(HASHES[start : start + step])
        start += step

    assert filled == TileBuilder().extend(HASHES[:start])
    assert builder.root() == root_of(HASHES[:start])


@pytest.mark.parametrize("size", [1, 300, 66_000])
@settings(max_examples=rounds(small=3, full=10))
@given(data=st.data())
def test_proofs_are_made_from_tiles(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    proof = [root_over(span, size) for span in consistency_spans(old, size)]

    assert verify_consistency(
        old, size, old_root=root_of(HASHES[:old]), new_root=root_of(HASHES[:size]), proof=proof
    )


@pytest.mark.parametrize("size", [1, 256, 70_000])
def test_another_library_reads_the_tiles(size: int, tmp_path: Path) -> None:
    write_tiles(size, tmp_path)
    reader = TilesReader(LocalBackend(tmp_path))
    reader.set_size(size)
    number = size // 2

    assert reader.calculate_root_hash() == root_of(HASHES[:size])
    assert reader.get_inclusion_proof(number, size).node_hashes == [
        root_of(HASHES[span.start : span.end]) for span in inclusion_spans(number, size)
    ]


def write_tiles(size: int, directory: Path) -> None:
    for level, hashes in enumerate(levels_over(size)):
        for start in range(0, len(hashes), TILE_WIDTH):
            tile = hashes[start : start + TILE_WIDTH]
            place = TilePosition(start // TILE_WIDTH, len(tile))
            path = directory / "tile" / str(level) / tile_path(place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(tile))


def test_a_span_root_is_the_trees_node() -> None:
    assert root_over(Span(65_536, 70_000), 70_000) == root_of(HASHES[65_536:70_000])
