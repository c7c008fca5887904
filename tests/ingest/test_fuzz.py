"""Whatever arrives over HTTP, it is answered as the document says and never with an internal error.

100,000 rounds under ``PUSHGATE_TEST_ROUNDS=full``. What a round finds becomes a named test.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from collections.abc import Callable

import pytest
import zstandard
from prometheus_client import REGISTRY

from tests.ingest.conftest import Serve
from tests.ingest.gate import Answer, ImportClient, send_raw
from tests.openapi.document import faults
from tests.protocol.fuzzing import BATCHES, JSON, PUSHES, TRANSIT, fuzzed
from tests.rounds import rounds
from tests.wire.cases import BATCH, PUSH, VALIDATE

ROUNDS = rounds(small=600, full=100_000)
HEADS = rounds(small=150, full=10_000)
AT_ONCE = 16
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
STRANGE_TYPES = [
    "",
    "application/json;",
    "APPLICATION/JSON",
    "text/json",
    "*/*",
    "application/json, x",
]


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("path", "seeds"), [(PUSH, PUSHES), (BATCH, BATCHES), (VALIDATE, PUSHES)])
async def test_no_body_is_answered_with_a_fault_of_ours(
    gate: ImportClient, path: str, seeds: list[bytes]
) -> None:
    chance = random.Random(7723)  # noqa: S311 - the same rounds every time
    # Of the account that sends them, so that some are taken.
    mine = [seed.replace(b"7723", str(gate.client_id).encode()) for seed in seeds]
    bodies = fuzzed(mine, chance)
    statuses = set()
    for _ in range(ROUNDS // 3 // AT_ONCE):
        answers = await asyncio.gather(
            *(_sent(gate, path, next(bodies), chance) for _ in range(AT_ONCE))
        )
        for answer in answers:
            given = (answer.status, answer.headers["Content-Type"], answer.body)
            assert faults("POST", path, *given) == [], given
            assert len(answer.body) < 3_000_000
        statuses |= {answer.status for answer in answers}

    assert max(statuses) < 500
    assert {200, 201} & statuses
    assert 400 in statuses
    assert REGISTRY.get_sample_value("pushgate_ingest_in_flight_bytes") == 0


async def _sent(gate: ImportClient, path: str, body: bytes, chance: random.Random) -> Answer:
    """Now and then as another type, or compressed, or compressed and damaged."""
    content_type = JSON if chance.random() < 0.7 else chance.choice([TRANSIT, *STRANGE_TYPES])
    if chance.random() < 0.8:
        return await gate.send(path, body, content_type=content_type)
    coding = chance.choice([*CODINGS])
    packed = bytearray(CODINGS[coding](body))
    if chance.random() < 0.5:
        packed[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)
    return await gate.send(path, bytes(packed), content_type=content_type, Content_Encoding=coding)


PIECES = [
    b"\r\n", b"\n", b"\r", b"\x00", b"\x7f", b"\xff", b" ", b"\t", b":", b"/", b"?", b"%00", b"%",
    b"HTTP/1.0", b"HTTP/9.9", b"Content-Length: 1\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n", b"Connection: upgrade\r\n",
    b"Content-Encoding: gzip\r\n", b"Authorization: Bearer x\r\n", b"Host: y\r\n", b"ffffffff\r\n",
]  # fmt: skip


@pytest.mark.timeout(3600)
async def test_no_head_is_answered_with_a_fault_of_ours(serve: Serve, gate: ImportClient) -> None:
    """A whole request with something wrong in its head, which may never come to an end."""
    chance = random.Random(7723)  # noqa: S311 - the same rounds every time
    body = b'[{"client_id":%d}]' % gate.client_id
    good = (
        b"POST /v2/import/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
        % (gate.token.encode(), len(body), body)
    )
    async with serve(headers_seconds_max=0.2, drain_seconds=0.2) as served:
        for _ in range(HEADS // AT_ONCE):
            words = [_damaged(good, chance) for _ in range(AT_ONCE)]
            for answer in await asyncio.gather(
                *(send_raw(served.url, word, then_close=True) for word in words)
            ):
                assert not answer.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5")), answer
                assert gate.token.encode() not in answer


def _damaged(request: bytes, chance: random.Random) -> bytes:
    words = bytearray(request)
    for _ in range(chance.choice([1, 1, 2, 4])):
        start = chance.randrange(request.index(b"\r\n\r\n"))
        end = start + chance.choice([0, 0, 1, 4, 20])
        words[start:end] = chance.choice([*PIECES, bytes([chance.randrange(256)])])
    return bytes(words)
