"""Exports made without a database: lines as the log stores them, and what signs and seals them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from events.checkpoint import Checkpoint, sign, verifier_key
from events.merkle import leaf_hash, root_of

ORIGIN = "pushgate/0a1b"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = str(verifier_key(ORIGIN, PRIVATE))
BEGAN = datetime(2026, 11, 23, tzinfo=UTC)

Made = tuple[str, str, dict[str, Any]]  # type, subject, data


class Signed(NamedTuple):
    """An export's parts, before they are files."""

    lines: list[str]
    note: str


def line(number: int, made: Made, version: int, *, origin: str = ORIGIN) -> str:
    kind, subject, data = made
    time = (BEGAN + timedelta(microseconds=7 * number + 1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    event = {
        "specversion": "1.0",
        "sequence": f"{number:020d}",
        "time": time,
        "id": str(UUID(int=number + 1)),
        "source": f"/{origin}",
        "type": kind,
        "subject": subject,
        "streamversion": version,
        "actor": "system",
        "data": data,
    }
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


def lines_of(made: Sequence[Made], *, origin: str = ORIGIN, first: int = 0) -> list[str]:
    return [
        line(number, one, number + 1, origin=origin) for number, one in enumerate(made, start=first)
    ]


def renames(count: int) -> list[Made]:
    return [
        ("IntegrationRenamed", "integration/1", {"display_name": f"shop {place}"})
        for place in range(count)
    ]


def note_over(
    lines: Sequence[str], *, origin: str = ORIGIN, key: Ed25519PrivateKey = PRIVATE
) -> str:
    root = root_of([leaf_hash(one.encode()) for one in lines])
    return sign(Checkpoint(origin=origin, size=len(lines), root=root), key)


def written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{one}\n" for one in lines), "utf-8")
    return path


def hash_of(line: str) -> str:
    """What stands for an event that is not shown."""
    sequence, leaf = json.loads(line)["sequence"], leaf_hash(line.encode()).hex()
    return f'{{"specversion":"1.0","sequence":"{sequence}","leaf_hash":"{leaf}"}}'


def receipt(number: int) -> str:
    return json.dumps({"number": number, "batch_id": str(UUID(int=number))}, separators=(",", ":"))


def seal(first: int, last: int, receipts: Sequence[str]) -> Made:
    root = root_of([leaf_hash(one.encode()) for one in receipts]).hex()
    data = {"first": first, "last": last, "count": len(receipts), "root": root}
    return "ReceiptsSealed", "receipts", data
