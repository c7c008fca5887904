"""Compressed bodies: taken when whole and undamaged, and never inflated without a limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from protocol.refusals.edge import BodyTooLarge, BrokenCoding
from protocol.token_text import token_text
from services.journal.bodies import decompress as decompress_stored
from services.receiving.decompress import inflate
from tests.ingest.conftest import Serve
from tests.ingest.gate import NOT_AUTHORIZED, OK, ImportClient
from tests.ingest.journal import Journal

PUSH = "/v2/import/push"


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(body)


def zstd_stream(body: bytes) -> bytes:
    """As a stream makes it: the frame does not contain its size."""
    stream = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return stream.compress(body) + stream.flush()


Compress = Callable[[bytes], bytes]
CODINGS = [
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("deflate", zlib.compress, id="deflate"),
    pytest.param("zstd", zstd, id="zstd"),
    pytest.param("zstd", zstd_stream, id="zstd-stream"),
]
every_coding = pytest.mark.parametrize(("coding", "compress"), CODINGS)


@every_coding
async def test_a_compressed_push_is_taken_and_kept_inflated(
    gate: ImportClient, journal: Journal, coding: str, compress: Compress
) -> None:
    body = orjson.dumps([gate.record(sequence=n) for n in range(500)])
    answer = await gate.send(PUSH, compress(body), Content_Encoding=coding)
    (receipt,), (stored,) = await journal.receipts(), await journal.bodies()

    assert answer.brief == OK
    assert receipt["bytes"] == len(body)
    assert decompress_stored(stored["body"]) == body


@every_coding
async def test_a_damaged_body_is_refused_and_nothing_is_stored(
    gate: ImportClient, journal: Journal, coding: str, compress: Compress
) -> None:
    cut = compress(orjson.dumps([gate.record()]))[:-1]
    answer = await gate.send(PUSH, cut, Content_Encoding=coding)

    assert (answer.status, answer.json["message"]) == (
        400,
        "The compressed body is damaged or incomplete.",
    )
    assert await journal.count() == 0


@every_coding
async def test_a_body_that_grows_over_the_limit_is_refused(
    serve: Serve, gate: ImportClient, coding: str, compress: Compress
) -> None:
    async with serve(body_bytes_max=100_000) as served:
        gate.url = served.url
        answer = await gate.send(PUSH, compress(b" " * 100_001), Content_Encoding=coding)

    assert answer.status == 413


async def test_nothing_is_inflated_for_a_token_that_nobody_knows(gate: ImportClient) -> None:
    answer = await gate.send(PUSH, b"no gzip", token=token_text("at_", 1), Content_Encoding="gzip")

    assert answer.brief == NOT_AUTHORIZED


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "gzip,deflate", "x", "identity, gzip"])
async def test_another_coding_or_more_than_one_is_refused(gate: ImportClient, coding: str) -> None:
    answer = await gate.send(PUSH, b"[]", Content_Encoding=coding)

    assert (answer.status, answer.json["status"]) == (415, "ERROR")


async def test_identity_is_no_coding(gate: ImportClient) -> None:
    answer = await gate.send(PUSH, orjson.dumps([gate.record()]), Content_Encoding="Identity")

    assert answer.brief == OK


# --- the decoder alone ----------------------------------------------------------------------------


@every_coding
@given(body=st.binary(max_size=2_000))
def test_what_was_compressed_comes_back(coding: str, compress: Compress, body: bytes) -> None:
    assert inflate(compress(body), coding, bytes_max=len(body)) == body


@every_coding
@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_no_cut_is_overlooked(
    coding: str, compress: Compress, body: bytes, data: st.DataObject
) -> None:
    whole = compress(body)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

    with pytest.raises(BrokenCoding):
        inflate(cut, coding, bytes_max=1_000)


@every_coding
@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_no_damage_gives_another_body(
    coding: str, compress: Compress, body: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(compress(body))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        inflated = inflate(bytes(damaged), coding, bytes_max=1_000)
    except (BrokenCoding, BodyTooLarge):
        return

    assert inflated == body, "a header's flags may change; the content may not"


@every_coding
def test_what_follows_the_end_is_refused(coding: str, compress: Compress) -> None:
    with pytest.raises(BrokenCoding):
        inflate(compress(b"[]") + compress(b"[]"), coding, bytes_max=1_000)


@every_coding
def test_a_bomb_costs_no_more_memory_than_the_limit(coding: str, compress: Compress) -> None:
    bomb = compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            inflate(bomb, coding, bytes_max=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000


def test_a_frame_that_lies_about_its_size_is_refused() -> None:
    frame = bytearray(zstd(b"x" * 200))
    assert frame[5] == 200, "the size is after magic number and descriptor"
    frame[5] = 100

    with pytest.raises(BrokenCoding):
        inflate(bytes(frame), "zstd", bytes_max=1_000)
