"""``pushgate push``: push the records of a file and report on every record."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cli.command import Subparsers, add_command
from cli.errors import FAILED, INTERRUPTED, SUCCESS, CommandFailed
from cli.installation import Installation, installation_of
from cli.output import add_json, columns, counted, show
from cli.push.csv_input import ColumnType, column_type, read_csv
from cli.push.direct import DirectPush, push_directly
from cli.push.json_input import InputRecord, read_records
from cli.push.limits import CONNECTIONS_MAX, PROBLEMS_SHOWN, SEQUENCES
from cli.push.options import add_outbox_bytes, add_token_file, gate_url, token_source
from cli.push.outbox import OutboxPush, push_through_outbox
from cli.push.producer import Item
from cli.push.progress import Input, Progress
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushSpec, requests_of
from protocol.limits import RECORDS_MAX
from pushgate_client import PushgateError
from pushgate_client.clock import ClientSystemClock
from pushgate_client.limits import CONNECTIONS, REQUEST_RECORDS
from pushgate_client.records import InvalidRecord
from pushgate_client.sequences import Sequences
from services.runtime.clock import Clock, SystemClock


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "push",
        push,
        summary="Push the records of a file into a table, and report on every record.",
        details="The access token comes from PUSHGATE_TOKEN or --token-file.",
        example="pushgate push orders.ndjson --table orders --key id",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="The records: NDJSON, one JSON array of objects, or CSV (if the name ends in .csv, or"
        " with --csv). Use - for standard input.",
    )
    parser.add_argument(
        "--csv", action="store_true", help="Read the file as CSV, whatever its name."
    )
    parser.add_argument(
        "--column",
        metavar="NAME:TYPE",
        type=_column,
        action="append",
        default=[],
        help="The type of a CSV column: integer, number, boolean, json or text (the default). May"
        " be repeated.",
    )
    parser.add_argument(
        "--outbox",
        metavar="DIRECTORY",
        type=Path,
        help="Spool records in this directory until they are acknowledged. They survive outages and"
        " token rotation.",
    )
    add_outbox_bytes(parser)
    parser.add_argument(
        "--table", metavar="TABLE", required=True, help="The table that receives the records."
    )
    _add_record_options(parser)
    add_token_file(parser)
    parser.add_argument(
        "--client-id",
        metavar="CLIENT_ID",
        type=int,
        help="The client id of the account (default: PUSHGATE_CLIENT_ID, else that of"
        " `pushgate up`).",
    )
    _add_request_options(parser)
    add_json(parser)


def _add_record_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        metavar="FIELD",
        nargs="+",
        action="extend",
        required=True,
        help="The field or fields that identify a record.",
    )
    parser.add_argument(
        "--sequence-field",
        metavar="FIELD",
        help="A field that holds an integer: of two records with the same key, the one with the"
        " greater value wins (default: the later one in the file).",
    )


def _add_request_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--connections",
        metavar="NUMBER",
        type=_between(1, CONNECTIONS_MAX),
        default=CONNECTIONS,
        help=f"How many requests are sent at the same time (default: {CONNECTIONS}).",
    )
    parser.add_argument(
        "--batch-records",
        metavar="NUMBER",
        type=_between(1, RECORDS_MAX),
        default=REQUEST_RECORDS,
        help=f"The most records in one request (default: {REQUEST_RECORDS:,}).",
    )


async def push(arguments: argparse.Namespace) -> int:
    installation, clock = installation_of(arguments), SystemClock()
    if arguments.column and not _is_csv(arguments):
        raise CommandFailed("--column applies to CSV only: JSON values have types of their own.")
    if arguments.outbox is not None and arguments.sequence_field is not None:
        raise CommandFailed(
            "--outbox assigns sequences itself and can't be combined with --sequence-field."
        )
    started = clock.monotonic()
    with _open(arguments.file) as stream:
        push_records = _push_directly if arguments.outbox is None else _push_through_outbox
        report = await push_records(arguments, installation, stream, clock)
    seconds = clock.monotonic() - started
    show(arguments, _document(arguments, report, seconds), _summary(arguments, report, seconds))
    if report.complete:
        return SUCCESS
    print(f"pushgate: {_count_missing(report)} not acknowledged.", file=sys.stderr)
    exit_code = INTERRUPTED if report.interrupted else FAILED
    if report.still_reading:
        # A normal exit would wait for the thread that reads standard input, which may never end.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
    return exit_code


async def _push_directly(
    arguments: argparse.Namespace, installation: Installation, stream: BinaryIO, clock: Clock
) -> Report:
    progress = Progress(clock, of=Input(stream))
    direct = DirectPush(
        url=gate_url(installation),
        token=await token_source(arguments, installation),
        connections=arguments.connections,
        notice=progress.note,
    )
    first_sequence = Sequences(ClientSystemClock()).take(SEQUENCES)
    items = _items(arguments, installation, stream, first_sequence)
    return await push_directly(direct, items, progress=progress, counts_rest=stream.seekable())


async def _push_through_outbox(
    arguments: argparse.Namespace, installation: Installation, stream: BinaryIO, clock: Clock
) -> Report:
    progress = Progress(clock, of=Input(stream))
    through = OutboxPush(
        url=gate_url(installation),
        token=await token_source(arguments, installation),
        directory=arguments.outbox,
        connections=arguments.connections,
        table=arguments.table,
        bytes_max=arguments.outbox_bytes,
        notice=progress.note,
    )
    try:
        return await push_through_outbox(
            through,
            lambda first_sequence: _items(arguments, installation, stream, first_sequence),
            clock=clock,
            progress=progress,
            counts_rest=stream.seekable(),
        )
    except PushgateError as reason:
        raise CommandFailed(str(reason)) from reason


def _is_csv(arguments: argparse.Namespace) -> bool:
    return bool(arguments.csv or arguments.file.lower().endswith(".csv"))


def _items(
    arguments: argparse.Namespace,
    installation: Installation,
    stream: BinaryIO,
    first_sequence: int,
) -> Iterator[Item]:
    client_id = installation.client_id() if arguments.client_id is None else arguments.client_id
    spec = PushSpec(
        client_id=client_id,
        table=arguments.table,
        keys=tuple(dict.fromkeys(arguments.key)),
        sequence_from=first_sequence,
        sequence_field=arguments.sequence_field,
        records_max=arguments.batch_records,
    )
    return requests_of(_records(arguments, stream), spec)


def _records(
    arguments: argparse.Namespace, stream: BinaryIO
) -> Iterator[InputRecord | InvalidRecord]:
    return read_csv(stream, dict(arguments.column)) if _is_csv(arguments) else read_records(stream)


@contextlib.contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 — closed below; only opening may fail here
    except OSError as error:
        raise CommandFailed(f"{name} can't be read: {error.strerror}.") from error
    with file:
        yield file


def _document(arguments: argparse.Namespace, report: Report, seconds: float) -> dict[str, Any]:
    document = {"table": arguments.table, "seconds": round(seconds, 3), **report.as_json()}
    if arguments.outbox is not None:
        document["held"] = report.records_of(PushOutcome.ON_HOLD)
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
        lines.append(f"  and {len(problems) - PROBLEMS_SHOWN:,} more; --json lists them all")
    return "\n".join(lines)


def _table(report: Report) -> str:
    """A row for each outcome, with the first reason where records are missing."""
    rows: list[tuple[object, ...]] = [("accepted", f"{report.accepted:,}", "")]
    for outcome in (
        PushOutcome.ON_HOLD,
        PushOutcome.SET_ASIDE,
        PushOutcome.UNUSABLE,
        PushOutcome.UNSENT,
    ):
        of_it = [problem for problem in report.problems if problem.outcome is outcome]
        if of_it or outcome is not PushOutcome.UNSENT:
            all_counted = all(problem.records is not None for problem in of_it)
            count = f"{report.records_of(outcome):,}" if all_counted else "the rest"
            rows.append((outcome.label, count, of_it[0].reason if of_it else ""))
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
            message = f"must be a number between {least:,} and {most:,}, got {text!r}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return number
