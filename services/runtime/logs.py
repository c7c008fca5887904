"""Structured logs: JSON lines on standard error, event names from a closed list."""

import logging
import sys
from collections.abc import Sequence
from typing import Any, Literal, TextIO

import orjson
import structlog

from protocol.token_text import masked

LogEvent = Literal[
    # A program has started and serves or works. Fields: address, operations.
    "program.started",
    # A program was asked to stop. Fields: why.
    "program.stopping",
    # A program has stopped in order. Fields: seconds.
    "program.stopped",
    # A program ends at its start: the database is unsuitable or cannot be reached. Fields: reason.
    "program.not_started",
    # With this setting of the server, accepted data may be lost if the machine fails. Fields:
    # setting, value.
    "database.unsafe_setting",
    # A background loop died; the program ends with it. Fields: loop.
    "loop.died",
    # A request was answered. Fields: method, route, status, milliseconds, request_id.
    "request.answered",
    # An unexpected error occurred while a request was answered. Fields: method, route, request_id.
    "request.crashed",
    # Facts were appended. Fields: stream, number, facts, actor.
    "facts.appended",
    # A command was refused. Fields: command, code.
    "command.refused",
    # A member signed in to the pages. Fields: member_id, peer.
    "session.started",
    # The holder of a one-time link chose the member's password and is signed in. Fields:
    # member_id, peer.
    "password.chosen",
    # A sign-in failed: wrong password or address, or too many attempts. Fields: code, peer.
    "sign_in.refused",
    # A request was accepted: its records are durable in the journal. Written in groups about once a
    # second; timestamp is the time of receipt. Fields: batch_id, request_id, endpoint,
    # integration_id, token_id, records, bytes.
    "batch.accepted",
    # A request repeats one that was accepted before and was not stored again; batch_id is that of
    # the first. Fields: batch_id, request_id, endpoint, integration_id, token_id.
    "batch.repeated",
    # A request was refused. Fields: request_id, endpoint, integration_id and token_id (null if they
    # are unknown), status, code.
    "batch.refused",
    # More requests than the access log can record singly; metrics count them. Fields: lines.
    "access_log.dropped",
    # Groups of requests were committed in the last second. Fields: groups, requests, refused,
    # records, bytes, milliseconds (of the slowest).
    "group.committed",
    # A group's transaction failed on its data; its requests are committed one by one. Fields:
    # requests.
    "group.split",
    # A validation worker was ended, or died; the next large body gets another. Fields: why, bytes
    # (of the body).
    "validation_worker.ended",
    # A relay sends nothing until another token works or the gate is available. Fields: answer.
    "relay.held",
    # After relay.held: the gate accepts requests again.
    "relay.resumed",
    # The gate refused a part of a request permanently; it is kept in the outbox. Fields: tables,
    # records, answer.
    "relay.set_aside",
    # Something that a killed process or the disk had left half written was cut off. Fields: what.
    "outbox.repaired",
    # The database refused a single request. Its message is omitted because it would quote the data.
    # Fields: request_id, endpoint, sqlstate, constraint, error.
    "commit.failed",
    # The journal's database is unavailable; requests are refused with 503 until it is back. Fields:
    # error.
    "journal.unreachable",
    # Ingest gets no notifications of token changes until it is connected again, and queries the
    # database meanwhile. Fields: error, retry_seconds.
    "token_cache.reconnecting",
    # Usage statistics could not be written; they are kept and written later. Fields: error.
    "usage_stats.postponed",
    # Partitions for bodies were created. Fields: made.
    "partitions.created",
    # The bodies of a day have passed their retention period and were deleted. Fields: day.
    "partition.dropped",
    # Old rows of loader.loads were deleted. Fields: loads.
    "load_counts.deleted",
    # A load of one table was committed. Fields: schema, table, batches, rows, rejected,
    # milliseconds, request_ids (of the first requests in it).
    "table.loaded",
    # A load failed and will be retried. Fields: integration_id, table, batches, attempt, reason.
    "load.retry_scheduled",
    # A load failed because of a bug; its batches will be retried. Fields: table.
    "load.crashed",
    # A batch cannot be loaded and is now a failed batch. Fields: batch_id, request_id,
    # integration_id, table, reason.
    "batch.failed",
    # The destination is unavailable; batches wait. Fields: error, retry_seconds.
    "destination.unreachable",
    # A checkpoint was signed and published. Fields: origin, size, root.
    "checkpoint.signed",
    # Rows of the live tables differ from the log: `pushgate audit replay` lists them. Fields: rows,
    # tables, size (of the log).
    "drift.found",
    # The live tables could not be compared with the log; it is retried later. Fields: reason.
    "drift.unknown",
    # The log does not extend its last signed checkpoint; it is halted. Alert an operator. Fields:
    # reason.
    "log.inconsistent",
    # The signer cannot reach the database and retries. Fields: error, retry_seconds.
    "signer.reconnecting",
    # The signer cannot use its key or its last checkpoint; nothing is signed. Fields: reason.
    "signer.refused",
    # The history service gets no notifications of appends and polls until it is connected again.
    # Fields: error, retry_seconds.
    "notifier.reconnecting",
    # The log or the receipts were read, or reading was refused; a member on the pages, otherwise a
    # Connect token. Fields: route, path, query, status, lines, connect_token_id, member_id,
    # account_id, role, peer.
    "history.accessed",
    # Receipts were sealed; number is the fact's. Fields: first, last, count, number.
    "receipts.sealed",
    # Sealing was postponed: the database is unavailable, or another process was first. Fields:
    # reason.
    "seal.postponed",
    # A child process of `pushgate up` was started, or ended. Fields: program, pid, exit_code.
    "child.started",
    "child.ended",
]


class Log:
    """A logger with typed event names: mypy finds a misspelt one."""

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
        """Adds the traceback of the current exception: call it inside an except block."""
        self._logger.exception(event, **fields)  # noqa: LOG004 — the caller's block


def render_lines(event: LogEvent, level: str, lines: Sequence[dict[str, Any]]) -> bytes:
    """Renders many flat lines of one event, with the bound context, for ``write_rendered``.

    Each of ``lines`` has its own ``timestamp``. A line costs a fraction of a call of ``Log``.
    """
    bound = {"level": level, **structlog.contextvars.get_contextvars(), "event": event}
    ending = b"," + orjson.dumps(bound)[1:] + b"\n"
    array = orjson.dumps(lines, option=orjson.OPT_UTC_Z)
    # Quotes inside strings are escaped, so that this sequence occurs only between lines.
    return array[1:-2].replace(b'},{"', ending + b'{"') + ending


def write_rendered(text: bytes) -> None:
    """Writes lines that are rendered already; may be called from any thread."""
    structlog.get_config()["logger_factory"]().msg(text.decode().removesuffix("\n"))


_RENDER = structlog.processors.JSONRenderer()


def _render(logger: Any, method: str, event: Any) -> str:
    """Masks tokens: a request may have one where it does not belong, such as in the path."""
    return masked(str(_RENDER(logger, method, event)))


def configure_logs(program: str, file: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Call it once, in ``__main__``. Messages of libraries get the same format."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the values of local variables, which may include a token.
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
