"""Bodies that are nearly right: golden requests with something put in, taken out or replaced."""

import random
from collections.abc import Iterator
from typing import Any

import orjson

from tests.wire.bodies import batch, batch_of, nested, record, text
from tests.wire.cases import BATCH, CASES

JSON, TRANSIT = "application/json", "application/transit+json"
GOOD = [case for case in CASES if case.status in {200, 201}]
BATCHES = [case.body for case in GOOD if case.path == BATCH] + [
    text(batch_of(nested(99), schema={"properties": {"deep": {"type": ["object", "null"]}}})),
    text(batch(schema={"allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {}}})),
    text(batch_of(*[{"id": 1, "list": [1, {"a": 2}]}] * 3, key_names=["id"])),
]
PUSHES = [case.body for case in GOOD if case.path != BATCH] + [
    text([record(data=nested(100))]),
    text([record(), record(table_name="b", table_version=5, data={"id": [1, {"a": None}]})]),
    b'["~#set",[["^ ","~:key",1,"^1",2]],"~m5","~t2020-01-13T21:25:03Z","~f1.5","~n7","^0"]',
]
PIECES = [
    b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"0", b"-", b"1e400", b"null", b"true",
    b'"^0"', b'"~:', b'"~#', b'"^ "', b"\\ud800", b"\\u0000", b"\xff", b"\x00", b" ",
    b"9223372036854775808", b"1" * 400, b'"$ref":"#"', b'"type":"foo"', b'"action"', b'"data"',
    b'"pattern":"(a{99}){99}"', b"[" * 200, b'{"a":' * 200, b'"client_id"', b'"messages"',
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 2**63, "", "x" * 1025, [], {}, ["id"], [[]], {"id": None}, "upsert",
    "#", "foo", nested(101), {"$ref": "#"}, {"type": []}, {"items": [1]}, {"enum": {}},
]  # fmt: skip


def fuzzed(seeds: list[bytes], chance: random.Random) -> Iterator[bytes]:
    while True:
        seed = chance.choice(seeds)
        yield _as_text(seed, chance) if chance.random() < 0.5 else _as_values(seed, chance)


def _as_text(seed: bytes, chance: random.Random) -> bytes:
    """Pieces put in, taken out, doubled, replaced."""
    body = bytearray(seed)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        start = chance.randrange(len(body) + 1)
        end = min(len(body), start + chance.choice([0, 0, 1, 5, 40]))
        piece = chance.choice([*PIECES, bytes(body[start:end]) * 2, bytes([chance.randrange(256)])])
        body[start:end] = piece
    return bytes(body)


def _as_values(seed: bytes, chance: random.Random) -> bytes:
    """Well-formed JSON with other values in it."""
    try:
        value = orjson.loads(seed)
    except orjson.JSONDecodeError:
        return seed
    for _ in range(chance.choice([1, 1, 2, 4])):
        value = _changed(value, chance, depth=0)
    return orjson.dumps(value)


def _changed(value: Any, chance: random.Random, *, depth: int) -> Any:
    """Rather deep down than at the top, where there is little but refusals."""
    if not isinstance(value, list | dict) or not value or chance.random() < depth * 0.05:
        return chance.choice(VALUES)
    if isinstance(value, list):
        place = chance.randrange(len(value))
        value = value.copy()
        value[place] = _changed(value[place], chance, depth=depth + 1)
        return value
    name = chance.choice([*value, "data", "data", "pattern", "time_extracted"])
    return value | {name: _changed(value.get(name), chance, depth=depth + 1)}
