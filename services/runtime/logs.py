"""Structured logs: JSON lines on standard error, event names from a closed list."""

import logging
import sys
from collections.abc import Sequence
from typing import Any, Literal, TextIO

import orjson
import structlog

from protocol.token_text import masked

LogEvent = Literal[
    # A program serves, or works. Fields: address, operations.
    "program.started",
    # A program was asked to stop. Fields: why.
    "program.stopping",
    # A program has stopped in order. Fields: seconds.
    "program.stopped",
    # A program must not work on this database, or cannot reach it; it ends. Fields: reason.
    "program.unfit",
    # The server's setting may lose what was acknowledged when the machine fails. Fields: setting,
    # value.
    "database.unsafe",
    # A background loop died; the program goes down with it. Fields: loop.
    "loop.died",
    # A request was answered. Fields: method, route, status, milliseconds, request_id.
    "request.answered",
    # Something that must not happen happened while answering. Fields: method, route, request_id.
    "request.crashed",
    # Facts were appended. Fields: stream, number, facts, actor.
    "facts.appended",
    # A command was refused. Fields: command, code.
    "command.refused",
    # A person signed in to the pages. Fields: member_id, peer.
    "session.begun",
    # Whoever had a one-time link chose the member's password with it, and is signed in. Fields:
    # member_id, peer.
    "password.chosen",
    # Somebody did not get in: a wrong password or address, or too many of them. Fields: code, peer.
    "sign_in.refused",
    # A push is durable in the journal. Lines are written about once a second; timestamp is the time
    # of receipt. Fields: batch_id, request_id, endpoint, integration_id, token_id, records, bytes.
    "batch.accepted",
    # A push that was accepted before was repeated, and not stored again; batch_id is that of the
    # first. Fields: batch_id, request_id, endpoint, integration_id, token_id.
    "batch.repeated",
    # A push was refused. Fields: request_id, endpoint, integration_id and token_id (null if
    # unknown), status, code.
    "batch.refused",
    # More pushes than the access log has lines for; metrics count them. Fields: lines.
    "access_log.dropped",
    # Groups of pushes were committed in the last second. Fields: groups, requests, refused,
    # records, bytes, milliseconds (of the slowest).
    "group.committed",
    # A group's transaction failed on data; its requests are committed one by one. Fields: requests.
    "group.split",
    # A process that checks large bodies was ended, or died; the next body gets another. Fields:
    # why, bytes (of the body).
    "checker.ended",
    # A relay sends nothing until another token works, or the gate is there again. Fields: answer.
    "relay.held",
    # After relay.held: the gate answered again.
    "relay.resumed",
    # The gate refused a part of a request for good; it is kept in the outbox. Fields: tables,
    # records, answer.
    "relay.set_aside",
    # What a killed process or the disk had left half written was cut off. Fields: what.
    "outbox.mended",
    # The database refused one request, committed alone. Its message quotes the data and is omitted.
    # Fields: request_id, endpoint, sqlstate, constraint, error.
    "commit.failed",
    # The journal's database is unreachable; pushes are refused with 503 until it is back. Fields:
    # error.
    "journal.unreachable",
    # Ingest gets no notifications of changed tokens until it has reconnected; until then it queries
    # the database on every cache miss. Fields: error, retry_seconds.
    "mirror.reconnecting",
    # Usage statistics could not be written, or expired rows not deleted; retried later. Fields:
    # error.
    "usage_stats.postponed",
    # Partitions for bodies were created. Fields: made.
    "partitions.made",
    # The bodies of a day were past their retention and were dropped. Fields: day.
    "partition.dropped",
    # Old rows of loader.loads were deleted. Fields: loads.
    "loads.forgotten",
    # One table's load was committed. Fields: schema, table, batches, rows, rejected, milliseconds,
    # request_ids (of the first pushes in it).
    "table.loaded",
    # A load was put back and will be tried again. Fields: integration_id, table, batches, attempt,
    # reason.
    "load.postponed",
    # A load failed by a fault of ours; its batches are tried again. Fields: table.
    "load.crashed",
    # A batch can't be loaded and was set aside. Fields: batch_id, request_id, integration_id,
    # table, reason.
    "batch.failed",
    # The destination is away; batches wait. Fields: error, retry_seconds.
    "destination.unreachable",
    # A checkpoint was signed and published. Fields: origin, size, root.
    "checkpoint.signed",
    # Rows of the live tables are not what the log says: `pushgate audit replay` names them. Fields:
    # rows, tables, size (of the log).
    "drift.found",
    # They could not be compared this time; it is tried again later. Fields: reason.
    "drift.unknown",
    # The log does not extend its last signed checkpoint; it is halted. Pages someone. Fields:
    # reason.
    "log.inconsistent",
    # The signer can't reach the database; it tries again. Fields: error, retry_seconds.
    "signer.waiting",
    # The signer can't use its key or its last checkpoint; nothing is signed. Fields: reason.
    "signer.refused",
    # History can't hear of appends; it polls until it can. Fields: error, retry_seconds.
    "notifier.reconnecting",
    # Somebody read the log or the receipts, or was refused; on the pages it is a member, else a
    # Connect token. Fields: route, path, query, status, lines, connect_token_id, member_id,
    # account_id, role, peer.
    "history.read",
    # Receipts were sealed; number is the fact's. Fields: first, last, count, number.
    "receipts.sealed",
    # A seal was put off: the database is away, or another process was first. Fields: reason.
    "seal.postponed",
    # A child of `pushgate up` was started, or ended. Fields: program, pid, exit_code.
    "child.started",
    "child.ended",
]


class Log:
    """A logger whose event names are checked by type: a typo does not pass mypy."""

    def __init__(self, **bound: Any) -> None:
        self._logger = structlog.get_logger().bind(**bound)

    def bind(self, **bound: Any) -> "Log":
        log = Log()
        log._logger = self._logger.bind(**bound)
        return log

    def info(self, event: LogEvent, **fields: Any) -> None:
        self._logger.info(event, **fields)

    def warning(self, event: LogEvent, **fields: Any) -> None:
        self._logger.warning(event, **fields)

    def error(self, event: LogEvent, **fields: Any) -> None:
        self._logger.error(event, **fields)

    def exception(self, event: LogEvent, **fields: Any) -> None:
        """With the traceback of the exception in hand: call it inside an except block."""
        self._logger.exception(event, **fields)  # noqa: LOG004 — the caller's block


def render_lines(event: LogEvent, level: str, lines: Sequence[dict[str, Any]]) -> bytes:
    """Many flat lines of one event, with what is bound to all of them, for ``write_text``.

    Each of ``lines`` has its ``timestamp`` and, beside a call of ``Log``, next to no cost.
    """
    bound = {"level": level, **structlog.contextvars.get_contextvars(), "event": event}
    ending = b"," + orjson.dumps(bound)[1:] + b"\n"
    array = orjson.dumps(lines, option=orjson.OPT_UTC_Z)
    # A quote inside a string has a backslash before it: this stands between lines only.
    return array[1:-2].replace(b'},{"', ending + b'{"') + ending


def write_rendered(text: bytes) -> None:
    """Lines that are ready; may be called in a thread."""
    structlog.get_config()["logger_factory"]().msg(text.decode().removesuffix("\n"))


_RENDER = structlog.processors.JSONRenderer()


def _render(logger: Any, method: str, event: Any) -> str:
    """The last look: a caller may write a token where none belongs, say into a path."""
    return masked(str(_RENDER(logger, method, event)))


def configure_logs(program: str, file: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Called once in ``__main__``. Lines of other libraries take the same road."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the values of variables: one of them may be a token.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    structlog.configure(
        processors=[*processors, _render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=file),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(program=program)
    foreign = logging.StreamHandler(file)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=_render, foreign_pre_chain=processors)
    )
    logging.basicConfig(level=logging.WARNING, handlers=[foreign], force=True)
