"""Show the progress of a push: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, NamedTuple, TextIO

from cli.output import printable
from cli.push.limits import PROGRESS_LINE_SECONDS, PROGRESS_SECONDS
from services.runtime.clock import Clock

_BAR_CHARACTERS = 24
_CLEAR = "\r\033[K"
# Earlier, an estimate of the time left means nothing.
_ESTIMATE_SECONDS_MIN = 1.0
_HUNDRED = 100


class ProgressState(NamedTuple):
    """In records. ``read`` is None if no file is read. ``why``: what holds up sending now."""

    read: int | None
    accepted: int
    waiting: int = 0
    why: str | None = None


class Input:
    """How much of the input is read, where that can be known: in a file, not in a pipe."""

    def __init__(self, stream: BinaryIO) -> None:
        self._descriptor: int | None = None
        self._size = 0
        with contextlib.suppress(OSError, ValueError):
            found = os.fstat(stream.fileno())
            if stat.S_ISREG(found.st_mode) and found.st_size:
                self._descriptor, self._size = stream.fileno(), found.st_size

    def __call__(self) -> float | None:
        """A number from 0 to 1; None if unknown."""
        if self._descriptor is None:
            return None
        return min(1.0, os.lseek(self._descriptor, 0, os.SEEK_CUR) / self._size)


class Progress:
    """``of``: the part of the input that is read, None if unknown. ``to``: by default stderr."""

    def __init__(
        self,
        clock: Clock,
        *,
        to: TextIO | None = None,
        of: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._to = to or sys.stderr
        self._of = of
        self._live = self._to.isatty()

    @contextlib.asynccontextmanager
    async def shown(self, state: Callable[[], ProgressState]) -> AsyncIterator[None]:
        """Shows the progress while the block runs."""
        printing = asyncio.create_task(self._print_periodically(state))
        try:
            yield
        finally:
            printing.cancel()
            if self._live:
                self._write(_CLEAR)

    def note(self, sentence: str) -> None:
        """Prints a line that stays."""
        self._write(f"{_CLEAR if self._live else ''}pushgate: {sentence}\n")

    async def _print_periodically(self, state: Callable[[], ProgressState]) -> None:
        began = self._clock.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS if self._live else PROGRESS_LINE_SECONDS)
            part = self._of() if self._live else None
            line = line_of(state(), part, self._clock.monotonic() - began)
            if self._live:
                self._write(_CLEAR + line[: shutil.get_terminal_size().columns - 1])
            else:
                self.note(line)

    def _write(self, text: str) -> None:
        # Standard error may be closed, which is no reason to fail.
        with contextlib.suppress(OSError, ValueError):
            self._to.write(text)
            self._to.flush()


@contextlib.asynccontextmanager
async def shown(
    progress: Progress | None, state: Callable[[], ProgressState]
) -> AsyncIterator[None]:
    """Without ``progress`` nothing is shown."""
    async with contextlib.AsyncExitStack() as stack:
        if progress is not None:
            await stack.enter_async_context(progress.shown(state))
        yield


def line_of(state: ProgressState, part: float | None, seconds: float) -> str:
    words = [] if state.read is None else [f"{state.read:,} records read"]
    words.append(f"{state.accepted:,} accepted")
    if state.waiting:
        words.append(f"{state.waiting:,} waiting")
    if state.why:
        words.append(printable(state.why))
    elif seconds > 0:
        words.append(f"{state.accepted / seconds:,.0f}/s")
    line = ", ".join(words)
    if part is None:
        return line
    done = int(part * _BAR_CHARACTERS)
    bar = "█" * done + "░" * (_BAR_CHARACTERS - done)
    left = "" if state.why else _left(part, seconds)
    return f"{bar} {part * _HUNDRED:3.0f} %  {line}{left}"


def _left(part: float, seconds: float) -> str:
    if seconds < _ESTIMATE_SECONDS_MIN or not 0 < part < 1:
        return ""
    left = round(seconds / part - seconds)
    minutes, seconds_left = divmod(left, 60)
    return f", {minutes}:{seconds_left:02} left"
