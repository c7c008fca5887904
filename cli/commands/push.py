"""``pushgate push``: the records of a file into a table, and an exact account of them."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cli.command import Subparsers, add_command
from cli.commands.outbox_room import add_outbox_bytes
from cli.errors import FAILED, INTERRUPTED, SUCCESS, CommandFailed
from cli.installation import Installation, installation_of
from cli.output import add_json, columns, counted, show
from cli.push.address import gate_of
from cli.push.csv_input import ColumnType, column_type, read_csv
from cli.push.direct import DirectPush, send_all
from cli.push.json_input import InputRecord, InvalidInput, read_records
from cli.push.limits import CONNECTIONS_MAX, PROBLEMS_SHOWN
from cli.push.outbox import OutboxPush, send_through
from cli.push.progress import Input, Progress
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushRequest, PushShape, cut
from cli.push.token_source import add_token_file, token_source_of
from protocol.limits import RECORDS_MAX
from pushgate_client import PushgateError
from pushgate_client.limits import CONNECTIONS, REQUEST_RECORDS
from services.runtime.clock import Clock, SystemClock


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "push",
        push,
        summary="push the records of a file; the token comes from PUSHGATE_TOKEN or --token-file",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="NDJSON, one JSON array of objects, or CSV (named so, or with --csv); - is standard"
        " input",
    )
    parser.add_argument("--csv", action="store_true", help="it is CSV, whatever its name")
    parser.add_argument(
        "--column",
        metavar="NAME:TYPE",
        type=_column,
        action="append",
        default=[],
        help="of CSV: integer, number, boolean, json, or text, which is what columns are otherwise",
    )
    parser.add_argument(
        "--outbox",
        metavar="DIR",
        type=Path,
        help="keep the records there until they are in, whatever becomes of the gate or the token",
    )
    add_outbox_bytes(parser)
    parser.add_argument("--table", metavar="T", required=True, help="where the records go")
    _add_keys(parser)
    add_token_file(parser)
    parser.add_argument(
        "--client-id", metavar="N", type=int, help="default: PUSHGATE_CLIENT_ID, else that of `up`"
    )
    _add_pace(parser)
    add_json(parser)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        metavar="K",
        nargs="+",
        action="extend",
        required=True,
        help="the field or fields that tell one record from another",
    )
    parser.add_argument(
        "--sequence-field",
        metavar="F",
        help="an integer in each record: of two records with one key the greater wins"
        " (default: the order of the file, counted from now in nanoseconds)",
    )


def _add_pace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--connections",
        metavar="N",
        type=_between(1, CONNECTIONS_MAX),
        default=CONNECTIONS,
        help=f"requests at once (default {CONNECTIONS})",
    )
    parser.add_argument(
        "--batch-records",
        metavar="N",
        type=_between(1, RECORDS_MAX),
        default=REQUEST_RECORDS,
        help=f"records a request (default {REQUEST_RECORDS:,})",
    )


async def push(arguments: argparse.Namespace) -> int:
    target, clock = installation_of(arguments), SystemClock()
    if arguments.column and not _is_csv(arguments):
        raise CommandFailed("--column is for CSV; JSON has types of its own.")
    if arguments.outbox is not None and arguments.sequence_field is not None:
        raise CommandFailed("--outbox makes its own sequences: leave --sequence-field out.")
    began = clock.monotonic()
    with _open(arguments.file) as stream:
        through = _push_directly if arguments.outbox is None else _push_through_outbox
        report = await through(arguments, target, stream, clock)
    seconds = clock.monotonic() - began
    show(arguments, _document(arguments, report, seconds), _summary(arguments, report, seconds))
    if report.complete:
        return SUCCESS
    print(f"pushgate: {_count_missing(report)} not acknowledged.", file=sys.stderr)
    exit_code = INTERRUPTED if report.interrupted else FAILED
    if report.still_reading:
        # The thread that waits for standard input would be waited for, and nobody ends that.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
    return exit_code


async def _push_directly(
    arguments: argparse.Namespace, target: Installation, stream: BinaryIO, clock: Clock
) -> Report:
    progress = Progress(clock, of=Input(stream))
    gate = DirectPush(
        url=gate_of(target),
        token=token_source_of(arguments, target),
        connections=arguments.connections,
        notice=progress.note,
    )
    # Nanoseconds since 1970: later pushes win over earlier ones.
    shape = _shape(arguments, target, int(clock.now().timestamp() * 1_000_000) * 1_000)
    items = cut(_records(arguments, stream), shape)
    return await send_all(gate, items, progress=progress, counts_rest=stream.seekable())


async def _push_through_outbox(
    arguments: argparse.Namespace, target: Installation, stream: BinaryIO, clock: Clock
) -> Report:
    progress = Progress(clock, of=Input(stream))
    way = OutboxPush(
        url=gate_of(target),
        token=token_source_of(arguments, target),
        directory=arguments.outbox,
        connections=arguments.connections,
        table=arguments.table,
        bytes_max=arguments.outbox_bytes,
        notice=progress.note,
    )

    def items(first_sequence: int) -> Iterator[PushRequest | InvalidInput]:
        return cut(_records(arguments, stream), _shape(arguments, target, first_sequence))

    try:
        return await send_through(
            way, items, clock=clock, progress=progress, counts_rest=stream.seekable()
        )
    except PushgateError as reason:
        raise CommandFailed(str(reason)) from reason


def _is_csv(arguments: argparse.Namespace) -> bool:
    return bool(arguments.csv or arguments.file.lower().endswith(".csv"))


def _records(
    arguments: argparse.Namespace, stream: BinaryIO
) -> Iterator[InputRecord | InvalidInput]:
    return read_csv(stream, dict(arguments.column)) if _is_csv(arguments) else read_records(stream)


def _shape(arguments: argparse.Namespace, target: Installation, sequence_from: int) -> PushShape:
    client_id = target.client_id() if arguments.client_id is None else arguments.client_id
    return PushShape(
        client_id=client_id,
        table=arguments.table,
        keys=tuple(dict.fromkeys(arguments.key)),
        sequence_from=sequence_from,
        sequence_field=arguments.sequence_field,
        records_max=arguments.batch_records,
    )


@contextlib.contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 — closed below; only opening may be refused
    except OSError as error:
        raise CommandFailed(f"{name} can't be read: {error.strerror}.") from error
    with file:
        yield file


def _document(arguments: argparse.Namespace, report: Report, seconds: float) -> dict[str, Any]:
    document = {"table": arguments.table, "seconds": round(seconds, 3), **report.as_json()}
    if arguments.outbox is not None:
        document["held"] = report.records_of(PushOutcome.HELD)
        document["set_aside"] = report.records_of(PushOutcome.SET_ASIDE)
    return document


def _summary(arguments: argparse.Namespace, report: Report, seconds: float) -> str:
    rate = report.accepted / seconds if seconds else 0
    took = f"{counted(report.requests, 'request')}, {seconds:.1f} s, {rate:,.0f} records/s"
    lines = [f"{counted(report.accepted, 'record')} accepted for table {arguments.table} ({took})"]
    problems = report.merged()
    if arguments.outbox is not None:
        lines = [_table(report), took]
    if problems:
        lines.append(f"{_count_missing(report)} not acknowledged (by record number, from 1):")
        lines.extend(f"  {problem}" for problem in problems[:PROBLEMS_SHOWN])
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"  and {len(problems) - PROBLEMS_SHOWN:,} more places: --json names them all")
    return "\n".join(lines)


def _table(report: Report) -> str:
    """What became of all records, and the first reason for each kind that is not in."""
    rows: list[tuple[object, ...]] = [("accepted", f"{report.accepted:,}", "")]
    for outcome in (
        PushOutcome.HELD,
        PushOutcome.SET_ASIDE,
        PushOutcome.UNUSABLE,
        PushOutcome.UNSENT,
    ):
        of_it = [problem for problem in report.problems if problem.outcome is outcome]
        if of_it or outcome is not PushOutcome.UNSENT:
            all_counted = all(problem.records is not None for problem in of_it)
            count = f"{report.records_of(outcome):,}" if all_counted else "the rest"
            rows.append((outcome, count, of_it[0].reason if of_it else ""))
    return columns(("records", "", "why"), rows)


def _count_missing(report: Report) -> str:
    count = report.not_accepted
    if count is None:
        return "The rest of the input was"
    return f"{counted(count, 'record')} {'was' if count == 1 else 'were'}"


def _column(text: str) -> tuple[str, ColumnType]:
    try:
        return column_type(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            message = f"a number between {least:,} and {most:,}, got {text!r}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return number
