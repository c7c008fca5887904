"""Verify the event log: as the history service serves it, or as an export on disk.

The check itself is `standalone_verifier`. This module fetches what it needs and compares the log
with the checkpoint that was verified last (`trust_store`).
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from audit import standalone_verifier
from audit.errors import AuditFailed
from audit.event_log import LOG_SIZE
from audit.history_client import HistoryClient, NotFound
from audit.trust_store import TrustStore
from services.runtime.clock import SystemClock

# A signer signs within a second or two: an older event without a signature is overdue.
UNSIGNED_MAX = timedelta(seconds=60)
SIGNING_SECONDS_MAX = 10.0
SIGNING_POLL_SECONDS = 0.2

# How a checkpoint relates to the one that was verified last.
Relation = Literal["first", "extends", "restored", "not comparable"]


class MalformedCheckpoint(AuditFailed):
    """The newest checkpoint that the service serves cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """``result``: what the verifier found; ``last_verified_at`` is None for the first time."""

    result: dict[str, Any]
    relation: Relation = "first"
    last_verified_at: datetime | None = None

    @property
    def verified(self) -> bool:
        return bool(self.result["verdict"] == "verified")


async def verify_live(
    client: HistoryClient, trust_store: TrustStore, key: str, *, whole: bool = False
) -> Verification:
    """Fetch and verify the whole log; a verified checkpoint goes to the trust store.

    ``key``: the verifier key, or "" for the stored one, else the one that the service serves.
    ``whole``: no hash may replace an event or receipt, as after a time when all were shown.
    """
    last_verified_at, old_note = trust_store.verified_at, trust_store.checkpoint
    whole = whole or trust_store.whole
    with tempfile.TemporaryDirectory(prefix="pushgate-audit-") as name:
        export = Path(name) / "export"
        key = key or trust_store.key or await client.text("/log/keys")
        try:
            note, size = await download_export(client, export)
        except (NotFound, MalformedCheckpoint) as error:
            result = _result_without_checkpoint(error, old_note)
            return Verification(result=result, last_verified_at=last_verified_at)
        unsigned_since = await _first_unsigned(client, size)
        result = await asyncio.to_thread(_verify_files, export, key, old_note, whole=whole)
        if result["verdict"] == "verified" and not result["hidden"]:
            hidden = await asyncio.to_thread(_has_hidden_lines, companion(export, "receipts"))
            whole = whole or not hidden
    if result["verdict"] == "verified" and unsigned_since is not None:
        why = f"event {size} of {unsigned_since:%Y-%m-%d %H:%M:%S} UTC is still not signed"
        result |= {"verdict": "stale", "first_bad": size, "why": why}
    if result["verdict"] == "verified":
        await asyncio.to_thread(trust_store.save, key=key, checkpoint=note, whole=whole)
    return Verification(
        result=result, relation=_relation(old_note, note), last_verified_at=last_verified_at
    )


def verify_export(path: Path, key: str, trust_store: TrustStore, *, whole: bool) -> Verification:
    """Verify the files of ``pushgate audit export``; the trust store is read and not changed.

    An export that is older than the stored checkpoint, or of another log, is not compared with it.
    ``key``: as for ``verify_live``, else the one next to the export. Raises AuditFailed.
    """
    if not path.is_file():
        raise AuditFailed(f"There is no file {path}.")
    if not companion(path, "checkpoint").is_file():
        raise AuditFailed(
            f"{companion(path, 'checkpoint')} is missing; `pushgate audit export FILE` writes it."
        )
    key_file = companion(path, "key")
    key = key or trust_store.key or (_read(key_file) if key_file.is_file() else "")
    note, old_note = _read(companion(path, "checkpoint")), trust_store.checkpoint
    comparable = _origin(old_note) == _origin(note) and (_claimed_size(old_note) or 0) <= (
        _claimed_size(note) or 0
    )
    if not old_note or not comparable:
        result = _verify_files(path, key, "", whole=whole)
        return Verification(result=result, relation="not comparable" if old_note else "first")
    result = _verify_files(path, key, old_note, whole=whole or trust_store.whole)
    return Verification(result=result, relation="extends", last_verified_at=trust_store.verified_at)


async def write_export(client: HistoryClient, path: Path) -> int:
    """Write the signed log to ``path``, and next to it all that it takes to verify it; its size."""
    await _wait_until_signed(client)
    _, size = await download_export(client, path)
    key = await client.text("/log/keys")
    await asyncio.to_thread(companion(path, "key").write_text, key)
    script = path.with_name("verify.py")
    await asyncio.to_thread(shutil.copyfile, standalone_verifier.__file__, script)
    return size


async def download_export(client: HistoryClient, path: Path) -> tuple[str, int]:
    """The signed part of the log, all receipts and all checkpoints, in files next to ``path``.

    The checkpoint comes first: what is fetched after it covers at least as much. Returns the
    checkpoint and the number of events in it.
    """
    note = await client.text("/log/checkpoint")
    size = _claimed_size(note)
    if size is None:
        raise MalformedCheckpoint("the newest checkpoint of the history service is malformed")
    await asyncio.to_thread(companion(path, "checkpoint").write_text, note, "utf-8")
    await client.download("/log/checkpoints", companion(path, "checkpoints"))
    # The hashes of events that the reader may not see are needed to compute the root.
    await client.download("/events", path, {"until": size - 1, "others": "hashed"})
    await client.download("/receipts", companion(path, "receipts"), {"others": "hashed"})
    return note, size


def companion(path: Path, kind: str) -> Path:
    """A file next to the export ``path``: its checkpoint, checkpoints, key or receipts."""
    return path.with_name(f"{path.name}.{kind}")


def _verify_files(path: Path, key: str, old_note: str, *, whole: bool) -> dict[str, Any]:
    note, older = [
        _read(file) if (file := companion(path, kind)).is_file() else ""
        for kind in ("checkpoint", "checkpoints")
    ]
    receipts = companion(path, "receipts")
    result = standalone_verifier.verify(
        path,
        note,
        key,
        previous=old_note,
        checkpoints=older,
        receipts=receipts if receipts.is_file() else None,
        whole=whole,
    )
    hidden = whole and (_has_hidden_lines(path) or _has_hidden_lines(receipts))
    if hidden and result["verdict"] != "verified":
        result["why"] += "; hashes replace some events or receipts, although all must be shown"
    return result


def _result_without_checkpoint(
    error: NotFound | MalformedCheckpoint, old_note: str
) -> dict[str, Any]:
    """Without a checkpoint from before there is nothing to verify yet: raises ``error`` again."""
    result: dict[str, Any] = dict.fromkeys(("verdict", "size", "root", "key_id", "first_bad"))
    if isinstance(error, MalformedCheckpoint):
        return result | {"verdict": "wrong_key", "why": str(error)}
    if not old_note:
        raise error
    why = f"nothing is signed, but a checkpoint over {_claimed_size(old_note)} events was seen"
    return result | {"verdict": "stale", "first_bad": 0, "why": f"{why} before"}


def _relation(old_note: str, note: str) -> Relation:
    if not old_note:
        return "first"
    return "extends" if _origin(old_note) == _origin(note) else "restored"


def _has_hidden_lines(path: Path) -> bool:
    lines = standalone_verifier.lines_of(path) if path.is_file() else ()
    return any(map(standalone_verifier.hash_given, lines))


def _claimed_size(note: str) -> int | None:
    """Not verified: it only says how much to fetch. None when the checkpoint is malformed."""
    lines = note.split("\n")
    if len(lines) > 1 and re.fullmatch("[0-9]{1,18}", lines[1]):
        return int(lines[1])
    return None


def _origin(note: str) -> str:
    return note.partition("\n")[0]


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace")


async def _wait_until_signed(client: HistoryClient) -> None:
    """So that an export right after a change holds it; gives up without an error."""
    clock = SystemClock()
    deadline = clock.monotonic() + SIGNING_SECONDS_MAX
    _, headers = await client.text_and_headers("/log/checkpoint")
    size = int(headers[LOG_SIZE])
    while clock.monotonic() < deadline:
        if (_claimed_size(await client.text("/log/checkpoint")) or 0) >= size:
            return
        await asyncio.sleep(SIGNING_POLL_SECONDS)


async def _first_unsigned(client: HistoryClient, size: int) -> datetime | None:
    """When the first event after the checkpoint was recorded, if its signature is overdue."""
    text = await client.text("/events", {"after": size - 1, "limit": 1})
    if not text:
        return None
    recorded = datetime.fromisoformat(json.loads(text)["time"]).astimezone(UTC)
    return recorded if SystemClock().now() - recorded > UNSIGNED_MAX else None
