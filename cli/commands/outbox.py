"""``pushgate outbox``: show what waits in an outbox and why; send, export or discard it."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from cli.command import Subparsers, add_command
from cli.errors import FAILED, INTERRUPTED, SUCCESS, CommandFailed
from cli.installation import installation_of
from cli.output import add_json, columns, counted, show
from cli.push.limits import LINGER_SECONDS
from cli.push.options import add_token_file, gate_url, token_source
from cli.push.progress import Progress, ProgressState
from pushgate_client import Counts, Delivery, Entry, Outbox, OutboxView, PushgateError, SetAside
from pushgate_client.sending.splitting import each_record
from services.runtime.clock import SystemClock

SHOWN = 20
_REASON_CHARACTERS = 100


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "outbox",
        outbox,
        summary="Show what waits in an outbox and why; send, export or discard it.",
        example="pushgate outbox ./outbox --resume",
    )
    parser.add_argument(
        "directory",
        metavar="DIRECTORY",
        type=Path,
        help="The outbox of a push, an app or a relay.",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--resume", action="store_true", help="Send what waits now.")
    action.add_argument(
        "--send-again", action="store_true", help="Send what was set aside, and what waits."
    )
    action.add_argument(
        "--export",
        action="store_true",
        help="Write what was set aside to standard output, one JSON object for each record.",
    )
    action.add_argument(
        "--discard", action="store_true", help="Delete what was set aside. Needs --id."
    )
    parser.add_argument(
        "--id",
        metavar="NUMBER",
        type=int,
        action="append",
        help="Act on this entry only, of those set aside. May be repeated.",
    )
    parser.add_argument(
        "--url", metavar="URL", help="The gate's address (default: PUSHGATE_IMPORT_URL)."
    )
    add_token_file(parser)
    add_json(parser)


async def outbox(arguments: argparse.Namespace) -> int:
    if not (arguments.directory / "queue").is_dir():
        raise CommandFailed(
            f"{arguments.directory} is not an outbox. `pushgate push --outbox` creates one."
        )
    try:
        return await _act(arguments)
    except PushgateError as reason:
        raise CommandFailed(str(reason)) from reason


async def _act(arguments: argparse.Namespace) -> int:
    view = OutboxView(arguments.directory)
    _require(arguments, view)
    if arguments.export:
        return _export(_chosen(view.set_aside(), arguments.id))
    if arguments.discard:
        return await _discard(arguments)
    if arguments.resume or arguments.send_again:
        return await _send(arguments)
    _show(arguments, view.counts(), view.set_aside())
    return SUCCESS


def _require(arguments: argparse.Namespace, view: OutboxView) -> None:
    """Raises CommandFailed for an id that does not exist: it is probably mistyped."""
    wanted = set(arguments.id or ())
    if unknown := wanted and wanted - {each.id for each in view.set_aside()}:
        ids = ", ".join(map(str, sorted(unknown)))
        raise CommandFailed(
            f"No entry with the id {ids} was set aside. `pushgate outbox {arguments.directory}`"
            " lists them."
        )


async def _send(arguments: argparse.Namespace) -> int:
    installation = installation_of(arguments)
    url = gate_url(installation, arguments.url)
    token = await token_source(arguments, installation)
    async with Outbox.open(arguments.directory, said=_print_warning) as opened:
        if arguments.send_again:
            await opened.requeue(await _ids(opened, arguments.id))
        interrupted = await _deliver(opened, Delivery(opened, url=url, token=token))
        counts = opened.counts()
        aside = await opened.set_aside_entries(most=SHOWN)
    _show(arguments, counts, aside)
    if interrupted:
        return INTERRUPTED
    return FAILED if counts.waiting or counts.set_aside else SUCCESS


async def _deliver(opened: Outbox, delivery: Delivery) -> bool:
    """Sends as much as goes without long waits; returns whether it was interrupted."""
    before = opened.counts().sent_records

    def state() -> ProgressState:
        counts = opened.counts()
        return ProgressState(
            read=None,
            accepted=counts.sent_records - before,
            waiting=counts.waiting_records,
            why=counts.why,
        )

    async with Progress(SystemClock()).shown(state), delivery:
        try:
            await delivery.emptied(idle_seconds=LINGER_SECONDS)
        except asyncio.CancelledError:
            return True
    return False


async def _discard(arguments: argparse.Namespace) -> int:
    if not arguments.id:
        raise CommandFailed("--discard needs --id: name each entry that is to be deleted.")
    async with Outbox.open(arguments.directory, said=_print_warning) as opened:
        gone = await opened.discard(set(arguments.id))
    show(arguments, {"discarded": gone}, f"{gone:,} {'entry' if gone == 1 else 'entries'} deleted")
    return SUCCESS


async def _ids(opened: Outbox, wanted: list[int] | None) -> set[int]:
    """Those that are named, or all, read page by page."""
    if wanted:
        return set(wanted)
    found: set[int] = set()
    after = 0
    while page := await opened.set_aside_entries(after=after):
        found |= {each.id for each in page}
        after = page[-1].id
    return found


def _export(found: Iterable[SetAside]) -> int:
    """The texts of records are written unchanged, so numbers keep their digits."""
    for each in found:
        about = json.dumps(
            {
                "id": each.id,
                "tables": list(each.entry.tables),
                "status": each.status or None,
                "reason": each.reason,
            }
        ).encode()
        for member in _records(each.entry):
            sys.stdout.buffer.write(about[:-1] + b', "sent": ' + member + b"}\n")
    sys.stdout.buffer.flush()
    return SUCCESS


def _records(entry: Entry) -> Iterator[bytes]:
    """Each record as it was sent, on one line; as a JSON string if it is not JSON."""
    for part in each_record(entry) or [entry]:
        try:
            orjson.loads(part.body)
        except orjson.JSONDecodeError:
            yield json.dumps(part.body.decode("utf-8", "replace")).encode()
        else:
            # A line break can't be inside a JSON string.
            yield part.body.replace(b"\n", b" ").replace(b"\r", b" ")


def _chosen(found: Iterable[SetAside], wanted: list[int] | None) -> Iterable[SetAside]:
    return (each for each in found if wanted is None or each.id in wanted)


def _show(arguments: argparse.Namespace, counts: Counts, aside: Iterable[SetAside]) -> None:
    shown = list(islice(aside, SHOWN))
    document: dict[str, Any] = asdict(counts) | {"set_aside_entries": [_document(e) for e in shown]}
    show(arguments, document, _summary(counts, shown))


def _document(each: SetAside) -> dict[str, Any]:
    return {
        "id": each.id,
        "tables": list(each.entry.tables),
        "records": each.entry.records,
        "status": each.status or None,
        "reason": each.reason,
    }


def _summary(counts: Counts, shown: list[SetAside]) -> str:
    rows = [
        ("waiting", counts.waiting, counts.waiting_records, _why(counts)),
        ("sent", counts.sent, counts.sent_records, ""),
        ("set aside", counts.set_aside, counts.set_aside_records, ""),
    ]
    lines = [columns(("", "requests", "records", "why"), rows)]
    if counts.damaged:
        lines.append(f"{counted(counts.damaged, 'damaged place')}: see the directory damaged/")
    if shown:
        aside = [
            (e.id, e.entry.records, ", ".join(e.entry.tables[:3]), e.status or "", _short(e.reason))
            for e in shown
        ]
        lines += ["", columns(("id", "records", "tables", "status", "reason"), aside)]
    if counts.set_aside > len(shown):
        lines.append(f"and {counts.set_aside - len(shown):,} more; --export writes them all")
    return "\n".join(lines)


def _why(counts: Counts) -> str:
    if not counts.waiting:
        return ""
    oldest = f"the oldest for {counts.oldest_seconds or 0:,.0f} s"
    return f"{oldest}; {counts.why}" if counts.why else oldest


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON_CHARACTERS else reason[:_REASON_CHARACTERS] + "…"


def _print_warning(sentence: str) -> None:
    print(f"pushgate: {sentence}", file=sys.stderr)
