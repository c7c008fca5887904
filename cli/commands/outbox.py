"""``pushgate outbox``: what waits in an outbox and why, and what to do about it."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from cli.command import Subparsers, add_command
from cli.errors import FAILED, INTERRUPTED, SUCCESS, CommandFailed
from cli.installation import installation_of
from cli.output import add_json, columns, counted, show
from cli.push.address import gate_of
from cli.push.limits import LINGER_SECONDS
from cli.push.outbox import linger
from cli.push.progress import Progress, ProgressState
from cli.push.set_aside import members_of
from cli.push.token_source import add_token_file, token_source_of
from pushgate_client import Counts, Delivery, Outbox, OutboxView, PushgateError, SetAside
from services.runtime.clock import SystemClock

SHOWN = 20
_REASON_CHARACTERS = 100


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "outbox", outbox, summary="what waits in an outbox and why; send it, export it"
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="of a push, an app or a relay")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--resume", action="store_true", help="send what waits, now")
    act.add_argument(
        "--send-again", action="store_true", help="send what was set aside, and what waits"
    )
    act.add_argument(
        "--export",
        action="store_true",
        help="what was set aside, one JSON object a record, on standard output",
    )
    act.add_argument("--discard", action="store_true", help="forget what was set aside; needs --id")
    parser.add_argument(
        "--id",
        metavar="N",
        type=int,
        action="append",
        help="only this entry of those set aside; may be repeated",
    )
    parser.add_argument("--url", metavar="U", help="the gate; default: PUSHGATE_IMPORT_URL")
    add_token_file(parser)
    add_json(parser)


async def outbox(arguments: argparse.Namespace) -> int:
    if not (arguments.directory / "queue").is_dir():
        raise CommandFailed(f"{arguments.directory} is no outbox: a push with --outbox makes one.")
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
    """What is named must be there: a mistyped number is not nothing to do."""
    wanted = set(arguments.id or ())
    if unknown := wanted and wanted - {each.id for each in view.set_aside()}:
        told = ", ".join(map(str, sorted(unknown)))
        raise CommandFailed(
            f"Nothing is set aside under {told}: `pushgate outbox {arguments.directory}` lists it."
        )


async def _send(arguments: argparse.Namespace) -> int:
    target = installation_of(arguments)
    url = gate_of(target, arguments.url)
    token = token_source_of(arguments, target)
    async with Outbox.open(arguments.directory, said=_print_warning) as opened:
        if arguments.send_again:
            await opened.requeue(await _ids(opened, arguments.id))
        interrupted = await _sent(opened, Delivery(opened, url=url, token=token))
        counts = opened.counts()
        aside = await opened.set_aside_entries(most=SHOWN)
    _show(arguments, counts, aside)
    if interrupted:
        return INTERRUPTED
    return FAILED if counts.waiting or counts.set_aside else SUCCESS


async def _sent(opened: Outbox, delivery: Delivery) -> bool:
    """As much as goes without long waits; returns whether somebody ended it before."""
    before = opened.counts().sent_records

    def standing() -> ProgressState:
        counts = opened.counts()
        return ProgressState(
            read=None,
            accepted=counts.sent_records - before,
            waiting=counts.waiting_records,
            why=counts.why,
        )

    def settled() -> int:
        """Grows with whatever comes of what waits."""
        return -opened.counts().waiting_records

    async with Progress(SystemClock()).shown(standing), delivery:
        try:
            await linger(delivery, settled, LINGER_SECONDS)
        except asyncio.CancelledError:
            return True
    return False


async def _discard(arguments: argparse.Namespace) -> int:
    if not arguments.id:
        raise CommandFailed("--discard needs --id: what is forgotten is named one by one.")
    async with Outbox.open(arguments.directory, said=_print_warning) as opened:
        gone = await opened.discard(set(arguments.id))
    show(arguments, {"discarded": gone}, f"{counted(gone, 'entry')} forgotten".replace("ys", "ies"))
    return SUCCESS


async def _ids(opened: Outbox, wanted: list[int] | None) -> set[int]:
    """All of them, page by page, unless some are named."""
    if wanted:
        return set(wanted)
    found: set[int] = set()
    after = 0
    while page := await opened.set_aside_entries(after=after):
        found |= {each.id for each in page}
        after = page[-1].id
    return found


def _export(found: Iterable[SetAside]) -> int:
    """The texts of records are passed on untouched: numbers keep their digits."""
    for each in found:
        about = json.dumps(
            {
                "id": each.id,
                "tables": list(each.entry.tables),
                "status": each.status or None,
                "reason": each.reason,
            }
        ).encode()
        for member in members_of(each.entry):
            sys.stdout.buffer.write(about[:-1] + b', "sent": ' + member + b"}\n")
    sys.stdout.buffer.flush()
    return SUCCESS


def _chosen(found: Iterable[SetAside], wanted: list[int] | None) -> Iterable[SetAside]:
    return (each for each in found if wanted is None or each.id in wanted)


def _show(arguments: argparse.Namespace, counts: Counts, aside: Iterable[SetAside]) -> None:
    shown = list(islice(aside, SHOWN))
    document: dict[str, Any] = asdict(counts) | {"set_aside_entries": [_facts(e) for e in shown]}
    show(arguments, document, _summary(counts, shown))


def _facts(each: SetAside) -> dict[str, Any]:
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
        lines.append(f"and {counts.set_aside - len(shown):,} more: --export has them all")
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
