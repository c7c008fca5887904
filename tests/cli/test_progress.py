"""How far a push is, as a person sees it on a terminal and a log has it elsewhere."""

import asyncio
import io
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from cli.push.progress import Input, Progress, ProgressState, line_of
from services.runtime.clock import SystemClock
from tests.eventually import eventually

HALF = ProgressState(read=1_200, accepted=1_000, waiting=200)


def test_a_line_has_a_bar_where_the_size_is_known() -> None:
    assert line_of(HALF, 0.5, 10.0) == (
        "████████████░░░░░░░░░░░░  50 %  1,200 records read, 1,000 accepted, 200 waiting, 100/s,"
        " 0:10 left"
    )


def test_of_a_pipe_only_what_is_known_is_told() -> None:
    assert line_of(HALF, None, 10.0) == "1,200 records read, 1,000 accepted, 200 waiting, 100/s"


def test_of_what_waits_in_an_outbox_nothing_is_read() -> None:
    assert line_of(HALF._replace(read=None), None, 10.0) == "1,000 accepted, 200 waiting, 100/s"


def test_what_holds_it_up_is_told_instead_of_a_guess() -> None:
    held = HALF._replace(why="401: Not Authorized\x1b[2J")

    assert line_of(held, 1.0, 10.0).endswith("200 waiting, 401: Not Authorized�[2J")


def test_how_much_of_a_file_is_read_is_known_and_of_a_pipe_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1_000_000)
    reading, writing = os.pipe()
    with file.open("rb") as stream, os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb"):
        of_file, of_pipe = Input(stream), Input(pipe)
        before = of_file()
        stream.read(500_000)
        half, unknown = of_file(), of_pipe()
        stream.read()
        after = of_file()

    assert (before, after, unknown) == (0.0, 1.0, None)
    assert half is not None
    assert 0.5 <= half < 0.6


def test_an_input_without_a_file_behind_it_has_no_size() -> None:
    assert Input(io.BytesIO(b"x"))() is None


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """What is read from the first was shown on the second."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        yield ours, stream
    os.close(ours)


async def test_on_a_terminal_one_line_is_written_again_and_again_and_then_wiped(
    terminal: tuple[int, TextIO],
) -> None:
    ours, stream = terminal
    progress = Progress(SystemClock(), to=stream, of=lambda: 0.25)
    shown = b""
    async with progress.shown(lambda: HALF):
        while shown.count(b"25 %") < 2:
            shown += await asyncio.to_thread(os.read, ours, 10_000)
        progress.note("something is wrong")
    shown += await asyncio.to_thread(os.read, ours, 10_000)

    assert b"\n" not in shown.partition(b"pushgate: something is wrong")[0]
    assert shown.endswith(b"\r\x1b[K")


async def test_elsewhere_it_is_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.push.progress.PROGRESS_LINE_SECONDS", 0.01)
    log = io.StringIO()
    async with Progress(SystemClock(), to=log, of=lambda: 0.5).shown(lambda: HALF):

        async def two_lines() -> bool:
            return log.getvalue().count("\n") >= 2

        await eventually(two_lines)

    assert log.getvalue().startswith("pushgate: 1,200 records read, 1,000 accepted, 200 waiting, ")
    assert "\r" not in log.getvalue()
