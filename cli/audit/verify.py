"""`audit keys`, `audit verify` and `audit export`: the log against its signatures."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from audit import standalone_verifier as verifier
from audit.trust_store import TrustStore
from cli.command import Subparsers, add_command
from cli.errors import FAILED, SUCCESS, CommandFailed, reporting_file_errors
from cli.history_api import HistoryApi, NotFound, history_api
from cli.installation import Installation, installation_of
from cli.output import add_json, facts, show
from services.runtime.clock import SystemClock

# A signer signs within a second or two; what is older than this and unsigned is not on its way.
UNSIGNED_MAX = timedelta(seconds=60)
SIGNING_SECONDS_MAX = 10.0
SIGNING_POLL_SECONDS = 0.2
LOG_SIZE = "Pushgate-Log-Size"


class NoCheckpoint(CommandFailed):
    """What is served as the newest checkpoint is none."""


def register(group: Subparsers) -> None:
    parser = add_command(group, "keys", keys, summary="the key that signs the log, and its id")
    add_json(parser)
    parser = add_command(
        group, "verify", verify, summary="the log, or an export of it, against its signatures"
    )
    parser.add_argument("export", nargs="?", metavar="EXPORT", help="a file of `audit export`")
    parser.add_argument("--key", metavar="KEY", help="text or file; default: the one kept")
    parser.add_argument("--memory", metavar="DIR", help="what is kept; default: D/audit")
    parser.add_argument(
        "--whole", action="store_true", help="no hash may stand for an event or a receipt"
    )
    add_json(parser)
    parser = add_command(
        group, "export", export, summary="every event as stored, one a line, and what proves it"
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="its checkpoint, key and receipts are put beside it; default, or -: standard output",
    )


async def keys(arguments: argparse.Namespace) -> None:
    async with history_api(installation_of(arguments)) as api:
        key = (await api.text("/log/keys")).strip()
    name, key_id = key.split("+")[:2]
    document = {"key": key, "key_id": key_id, "origin": name}
    show(arguments, document, facts([("key", key), ("key id", key_id), ("log", name)]))


async def verify(arguments: argparse.Namespace) -> int:
    installation = installation_of(arguments)
    memory = TrustStore(
        Path(arguments.memory) if arguments.memory else installation.data_dir / "audit"
    )
    with reporting_file_errors():
        given = await asyncio.to_thread(_read_key, arguments.key)
        if arguments.export is not None:
            path = Path(arguments.export)
            found, told = await asyncio.to_thread(
                _verify_export, path, given, memory, whole=arguments.whole
            )
        else:
            found, told = await verify_live(installation, memory, given, whole=arguments.whole)
    show(arguments, found, _verdict_text(found, told))
    return SUCCESS if found["verdict"] == "verified" else FAILED


async def verify_live(
    installation: Installation, memory: TrustStore, key: str, *, whole: bool = False
) -> tuple[dict[str, Any], str]:
    """Reads everything, holds it to what was kept, and keeps the new checkpoint if all is well.

    ``whole``: no hash may stand for something, as once everything was shown.
    """
    seen_at, old_note = memory.seen_at, memory.checkpoint
    whole = whole or memory.whole
    with tempfile.TemporaryDirectory(prefix="pushgate-audit-") as name:
        export = Path(name) / "export"
        async with history_api(installation) as api:
            key = key or memory.key or await api.text("/log/keys")
            try:
                note, size = await _fetch(api, export)
            except (NotFound, NoCheckpoint) as error:
                return _without_checkpoint(error, old_note), _relation_text(seen_at)
            waiting_since = await _first_unsigned(api, size)
        found = await asyncio.to_thread(_verify_files, export, key, old_note, whole=whole)
        if found["verdict"] == "verified" and not found["hidden"]:
            whole = whole or not await asyncio.to_thread(
                _has_hidden_lines, companion(export, "receipts")
            )
    if found["verdict"] == "verified" and waiting_since is not None:
        why = f"event {size} of {waiting_since:%Y-%m-%d %H:%M:%S} UTC is still not signed"
        found |= {"verdict": "stale", "first_bad": size, "why": why}
    if found["verdict"] == "verified":
        await asyncio.to_thread(memory.keep, key=key, checkpoint=note, whole=whole)
    return found, _relation_text(
        seen_at, restored=bool(old_note) and _origin(old_note) != _origin(note)
    )


def _without_checkpoint(error: NotFound | NoCheckpoint, old_note: str) -> dict[str, Any]:
    """Who has seen one knows that something is wrong; else there is nothing to verify yet."""
    found: dict[str, Any] = dict.fromkeys(("verdict", "size", "root", "key_id", "first_bad"))
    if isinstance(error, NoCheckpoint):
        return found | {"verdict": "wrong_key", "why": str(error)}
    if not old_note:
        raise error
    why = f"nothing is signed; a checkpoint over {_claimed_size(old_note)} events was seen before"
    return found | {"verdict": "stale", "first_bad": 0, "why": why}


def _relation_text(seen_at: datetime | None, *, restored: bool = False) -> str:
    if seen_at is None:
        return "the first seen"
    if restored:
        return f"restored since the one seen {seen_at:%Y-%m-%d %H:%M}: ask what was lost"
    return f"extends the one seen {seen_at:%Y-%m-%d %H:%M}"


def _verify_export(
    path: Path, key: str, memory: TrustStore, *, whole: bool
) -> tuple[dict[str, Any], str]:
    """Held to the checkpoint that is kept, unless the export is older, or of another log."""
    if not path.is_file():
        raise CommandFailed(f"There is no file {path}.")
    if not companion(path, "checkpoint").is_file():
        raise CommandFailed(
            f"{companion(path, 'checkpoint')} is missing: `audit export FILE` makes it."
        )
    kept = companion(path, "key")
    key = key or memory.key or (kept.read_text("utf-8", "replace") if kept.is_file() else "")
    note, old_note = companion(path, "checkpoint").read_text("utf-8", "replace"), memory.checkpoint
    comparable = (
        old_note
        and _origin(old_note) == _origin(note)
        and (_claimed_size(old_note) or 0) <= (_claimed_size(note) or 0)
    )
    if not comparable:
        told = "of the export; not held to the one kept" if old_note else "of the export"
        return _verify_files(path, key, "", whole=whole), told
    found = _verify_files(path, key, old_note, whole=whole or memory.whole)
    return found, f"of the export; {_relation_text(memory.seen_at)}"


def _has_hidden_lines(path: Path) -> bool:
    return path.is_file() and any(map(verifier.hash_given, verifier.lines_of(path)))


def _verify_files(path: Path, key: str, old_note: str, *, whole: bool) -> dict[str, Any]:
    texts = [
        file.read_text("utf-8", "replace") if (file := companion(path, kind)).is_file() else ""
        for kind in ("checkpoint", "checkpoints")
    ]
    receipts = companion(path, "receipts")
    found = verifier.verify(
        path,
        texts[0],
        key,
        previous=old_note,
        checkpoints=texts[1],
        receipts=receipts if receipts.is_file() else None,
        whole=whole,
    )
    if (
        whole
        and found["verdict"] != "verified"
        and (_has_hidden_lines(path) or _has_hidden_lines(receipts))
    ):
        found["why"] += "; hashes stand for some events or receipts, which were to be shown whole"
    return found


async def export(arguments: argparse.Namespace) -> None:
    async with history_api(installation_of(arguments)) as api:
        if arguments.file in {None, "-"}:
            async for line in api.lines("/events"):
                sys.stdout.buffer.write(line + b"\n")
            sys.stdout.flush()
            return
        path = await asyncio.to_thread(_writable_path, arguments.file)
        await _wait_until_signed(api)
        script = path.with_name("verify.py")
        with reporting_file_errors():
            _, size = await _fetch(api, path)
            await asyncio.to_thread(companion(path, "key").write_text, await api.text("/log/keys"))
            await asyncio.to_thread(shutil.copyfile, verifier.__file__, script)
    print(f"{size} events, all signed: {path}")
    print(f"Verify them anywhere: python {script.name} {path.name} {path.name}.checkpoint KEY")


def _writable_path(name: str) -> Path:
    """Raises CommandFailed before anything is fetched."""
    path = Path(name)
    if not path.name or path.is_dir() or not path.parent.is_dir():
        raise CommandFailed(f"{name!r} is no file that could be written.")
    return path


async def _fetch(api: HistoryApi, path: Path) -> tuple[str, int]:
    """The signed part of the log, all receipts, and the checkpoints, in files beside ``path``.

    The checkpoint comes first: what is fetched after it covers at least as much.
    """
    note = await api.text("/log/checkpoint")
    size = _claimed_size(note)
    if size is None:
        raise NoCheckpoint("What the history service calls a checkpoint is none.")
    await asyncio.to_thread(companion(path, "checkpoint").write_text, note, "utf-8")
    await api.download("/log/checkpoints", companion(path, "checkpoints"))
    # Where other accounts' are not shown, their hashes are what it takes to compute the root.
    await api.download("/events", path, {"until": size - 1, "others": "hashed"})
    await api.download("/receipts", companion(path, "receipts"), {"others": "hashed"})
    return note, size


def companion(path: Path, kind: str) -> Path:
    return path.with_name(f"{path.name}.{kind}")


def _claimed_size(note: str) -> int | None:
    """Nothing is believed yet: it only says how much to fetch. None: it is no checkpoint."""
    lines = note.split("\n")
    if len(lines) > 1 and re.fullmatch("[0-9]{1,18}", lines[1]):
        return int(lines[1])
    return None


def _origin(note: str) -> str:
    return note.partition("\n")[0]


async def _wait_until_signed(api: HistoryApi) -> None:
    """An export asked for right after a change should hold it; gives up without a word."""
    clock = SystemClock()
    deadline = clock.monotonic() + SIGNING_SECONDS_MAX
    _, headers = await _checkpoint(api)
    wanted = int(headers[LOG_SIZE])
    while clock.monotonic() < deadline:
        note, _ = await _checkpoint(api)
        if (_claimed_size(note) or 0) >= wanted:
            return
        await asyncio.sleep(SIGNING_POLL_SECONDS)


async def _checkpoint(api: HistoryApi) -> tuple[str, Any]:
    return await api.text_and_headers("/log/checkpoint")


async def _first_unsigned(api: HistoryApi, size: int) -> datetime | None:
    """When the first event after the checkpoint was recorded, if that is too long ago."""
    text = await api.text("/events", {"after": size - 1, "limit": 1})
    if not text:
        return None
    recorded = datetime.fromisoformat(json.loads(text)["time"]).astimezone(UTC)
    return recorded if SystemClock().now() - recorded > UNSIGNED_MAX else None


def _read_key(given: str | None) -> str:
    if not given:
        return ""
    return Path(given).read_text("utf-8", "replace") if Path(given).is_file() else given


def _verdict_text(found: dict[str, Any], checkpoint: str) -> str:
    lines: list[tuple[str, object]] = [("verdict", found["verdict"])]
    if found["size"] is not None:
        # Whether it extends what was seen is only known when all is well.
        relation = f" ({checkpoint})" if found["verdict"] == "verified" else ""
        lines += [
            ("checkpoint", f"{found['size']} events{relation}"),
            ("root", found["root"]),
            ("key id", found["key_id"]),
        ]
    if found["verdict"] == "verified":
        lines.append(("events", f"{found['size']}/{found['size']} are as they were signed"))
        if found["hidden"]:
            lines.append(("shown", f"{found['size'] - found['hidden']}; the others are not yours"))
        receipts = found["receipts"]
        told = "not looked at" if receipts is None else f"{receipts} are as they were sealed"
        lines.append(("receipts", told))
    else:
        lines.append(("why", found["why"]))
        if found["first_bad"] is not None:
            lines.append(("first bad", found["first_bad"]))
    return facts(lines)
