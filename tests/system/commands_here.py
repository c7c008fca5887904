"""Commands of the shared system, run in this process: starting one takes most of a command's time.

Everything but the start is the same: words are parsed, variables read, standard streams used. What
serves, becomes another program or ends with a signal is started as a process all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import fields
from typing import Any, NoReturn

import structlog

from cli.__main__ import main
from cli.temporary_installation import CompletedCommand, TemporaryInstallation, environment

PROCESSES = frozenset({"up", "relay", "psql", "ingest", "loader", "migrate"})
SERVING = frozenset(
    {("tokens", "serve"), ("history", "serve"), ("history", "sign"), ("audit", "follow")}
)


class SystemHere(TemporaryInstallation):
    async def run(self, *words: str, stdin: str = "", **variables: str) -> CompletedCommand:
        if words[0] in PROCESSES or words[:2] in SERVING:
            return await super().run(*words, stdin=stdin, **variables)
        async with _turn():
            return await asyncio.to_thread(
                run_here, words, stdin.encode(), environment(self.data_dir) | variables
            )


def commands_here(system: TemporaryInstallation) -> SystemHere:
    return SystemHere(**{each.name: getattr(system, each.name) for each in fields(system)})


class _Streams:
    def __init__(self, given: bytes) -> None:
        self.stdin = io.TextIOWrapper(io.BytesIO(given), "utf-8")
        self.stdout = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        self.stderr = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)

    @staticmethod
    def text(stream: io.TextIOWrapper) -> str:
        stream.flush()
        buffer = stream.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


_streams: ContextVar[_Streams | None] = ContextVar("streams of a command", default=None)


class _OfWhoAsks:
    """A standard stream that is the command's own within it, and the usual one for all others."""

    def __init__(self, name: str, usual: Any) -> None:
        self._name = name
        self._usual = usual

    def __getattr__(self, attribute: str) -> Any:
        streams = _streams.get()
        return getattr(self._usual if streams is None else getattr(streams, self._name), attribute)


class _Left(BaseException):
    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


def run_here(words: tuple[str, ...], given: bytes, variables: dict[str, str]) -> CompletedCommand:
    streams = _Streams(given)
    _streams.set(streams)
    with _replaced(variables):
        try:
            exit_code: Any = main(words)
        except SystemExit as ended:
            exit_code = ended.code
        except _Left as left:
            exit_code = left.exit_code
    return CompletedCommand(
        exit_code=int(exit_code or 0),
        output=_Streams.text(streams.stdout),
        errors=_Streams.text(streams.stderr),
    )


@contextlib.contextmanager
def _replaced(variables: dict[str, str]) -> Iterator[None]:
    """Of the whole process, so one command at a time."""
    before = dict(os.environ)
    usual = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
    leave = os._exit
    os.environ.clear()
    os.environ.update(variables)
    for name, stream in usual.items():
        setattr(sys, name, _OfWhoAsks(name, stream))
    os._exit = _leave
    logs = structlog.get_config()
    # As of a command that is a process: what is wrong, on standard error.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**logs)
        os._exit = leave
        for name, stream in usual.items():
            setattr(sys, name, stream)
        os.environ.clear()
        os.environ.update(before)


def _leave(status: int) -> NoReturn:
    raise _Left(status)


_turns: dict[int, asyncio.Lock] = {}


def _turn() -> asyncio.Lock:
    """Of this loop's commands."""
    return _turns.setdefault(id(asyncio.get_running_loop()), asyncio.Lock())
