"""``pushgate push``: the records of a file into a table, and an exact account of them."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from cli.failure import DONE, REFUSED, Refused
from cli.frame import Subparsers, add_command
from cli.output import add_json, counted, show
from cli.pushing.limits import (
    CONNECTIONS,
    CONNECTIONS_MAX,
    PROBLEMS_SHOWN,
    REQUEST_RECORDS,
)
from cli.pushing.records import read_records
from cli.pushing.report import Report
from cli.pushing.requests import Shape, cut
from cli.pushing.sending import Gate, send_all
from cli.target import Target, target_of
from protocol.limits import RECORDS_MAX
from services.runtime.clock import Clock, SystemClock
from services.runtime.config import Secret

TOKEN_FILE_BYTES_MAX = 4_096


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "push",
        push,
        summary="push the records of a file; the token comes from PUSHGATE_TOKEN or --token-file",
    )
    parser.add_argument(
        "file", metavar="FILE", help="NDJSON, or one JSON array of objects; - is standard input"
    )
    parser.add_argument("--table", metavar="T", required=True, help="where the records go")
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
    parser.add_argument("--token-file", metavar="P", help="a file with the token on its first line")
    parser.add_argument(
        "--client-id", metavar="N", type=int, help="default: PUSHGATE_CLIENT_ID, else that of `up`"
    )
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
    add_json(parser)


async def push(arguments: argparse.Namespace) -> int:
    target, clock = target_of(arguments), SystemClock()
    gate = Gate(
        url=target.import_url(),
        token=_token(target, arguments.token_file),
        connections=arguments.connections,
        notice=lambda text: print(f"pushgate: {text}", file=sys.stderr),
    )
    shape = _shape(arguments, target, clock)
    began = clock.monotonic()
    with _open(arguments.file) as stream:
        report = await send_all(
            gate,
            cut(read_records(stream), shape),
            clock=clock,
            counts_rest=stream.seekable(),
        )
    seconds = clock.monotonic() - began
    document = {"table": shape.table, "seconds": round(seconds, 3), **report.as_json()}
    show(arguments, document, _told(report, shape.table, seconds))
    if report.complete:
        return DONE
    print(f"pushgate: {_count_missing(report)} not acknowledged.", file=sys.stderr)
    if report.still_reading:
        # The thread that waits for standard input would be waited for, and nobody ends that.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(REFUSED)
    return REFUSED


def _shape(arguments: argparse.Namespace, target: Target, clock: Clock) -> Shape:
    client_id = target.client_id() if arguments.client_id is None else arguments.client_id
    return Shape(
        client_id=client_id,
        table=arguments.table,
        keys=tuple(dict.fromkeys(arguments.key)),
        # Nanoseconds since 1970: later pushes win over earlier ones.
        sequence_from=int(clock.now().timestamp() * 1_000_000) * 1_000,
        sequence_field=arguments.sequence_field,
        records_max=arguments.batch_records,
    )


def _token(target: Target, token_file: str | None) -> Secret:
    if token_file is not None:
        try:
            with Path(token_file).open(encoding="utf-8") as file:
                text = file.readline(TOKEN_FILE_BYTES_MAX).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"The token file can't be read: {error}.") from error
        if not text:
            raise Refused(f"{token_file} holds no token on its first line.")
        return Secret(text)
    token = target.import_token()
    if token is None:
        raise Refused(
            "No token to push with: set PUSHGATE_TOKEN, or name a file with --token-file"
            " (`pushgate tokens generate I` makes one)."
        )
    return token


@contextlib.contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 — closed below; only opening may be refused
    except OSError as error:
        raise Refused(f"{name} can't be read: {error.strerror}.") from error
    with file:
        yield file


def _told(report: Report, table: str, seconds: float) -> str:
    rate = report.accepted / seconds if seconds else 0
    took = f"{counted(report.requests, 'request')}, {seconds:.1f} s, {rate:,.0f} records/s"
    lines = [f"{counted(report.accepted, 'record')} accepted for table {table} ({took})"]
    problems = report.merged()
    if problems:
        lines.append(f"{_count_missing(report)} not acknowledged (by record number, from 1):")
        lines.extend(f"  {problem}" for problem in problems[:PROBLEMS_SHOWN])
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"  and {len(problems) - PROBLEMS_SHOWN:,} more places: --json names them all")
    return "\n".join(lines)


def _count_missing(report: Report) -> str:
    count = report.not_accepted
    if count is None:
        return "The rest of the input was"
    return f"{counted(count, 'record')} {'was' if count == 1 else 'were'}"


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"between {least:,} and {most:,}, got {text}")
        return value

    return number
