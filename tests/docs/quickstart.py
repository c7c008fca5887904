"""Runs the commands of a page in one shell, in order, and compares what they print."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.eventually import eventually

BLOCK = re.compile(r"^```(\w+)?(?: exits (\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOKEN = re.compile(r"\bat_[0-9A-Za-z]{49}\b")
PLACEHOLDER = "at_YOUR_TOKEN"
# The page speaks to the clone's own environment; here it is the one that runs the tests.
ACTIVATE = ". .venv/bin/activate"
END = "--- end of block, exit code"
BLOCK_SECONDS_MAX = 180


class Block(NamedTuple):
    """``expected`` is None when the page does not say what is printed; … stands for anything."""

    commands: str
    exit_code: int
    expected: str | None


class Ran(NamedTuple):
    exit_code: int
    output: str


def blocks(page: Path) -> Iterator[Block]:
    """``sh`` blocks, each with the ``text`` block that follows it."""
    found = BLOCK.findall(page.read_text("utf-8"))
    for place, (language, exit_code, text) in enumerate(found):
        if language == "sh":
            following = found[place + 1] if place + 1 < len(found) else ("", "", "")
            expected = following[2] if following[0] == "text" else None
            yield Block(text, int(exit_code or 0), expected)


def is_as_told(block: Block, ran: Ran) -> bool:
    if block.expected is None:
        return ran.exit_code == block.exit_code
    pattern = re.escape(block.expected.strip()).replace("…", ".*")
    printed = "\n".join(line.rstrip() for line in ran.output.strip().splitlines())
    return ran.exit_code == block.exit_code and bool(re.fullmatch(pattern, printed))


class Shell:
    """One shell for the whole page: what one block exports, the next one has."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._token = ""

    @classmethod
    async def start(cls, directory: Path, commands: Path, **variables: str) -> "Shell":
        """``commands``: where `pushgate` is."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PUSHGATE_")}
        path = f"{commands}:{Path(sys.executable).parent}:{kept['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "sh",
            cwd=directory,
            env=kept | {"PATH": path} | variables,
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
        )
        return cls(process)

    async def run(self, commands: str) -> Ran:
        """The last token that was printed stands in for the placeholder."""
        assert self._process.stdin is not None, "it was started with pipes"
        given = commands.replace(ACTIVATE, ":").replace(PLACEHOLDER, self._token)
        self._process.stdin.write(f"{given}\necho '{END}' $?\n".encode())
        await self._process.stdin.drain()
        async with asyncio.timeout(BLOCK_SECONDS_MAX):
            ran = await self._until_end()
        for token in TOKEN.findall(ran.output):
            self._token = token
        return ran

    async def _until_end(self) -> Ran:
        assert self._process.stdout is not None, "it was started with pipes"
        lines: list[str] = []
        async for line in self._process.stdout:
            text = line.decode()
            if text.startswith(END):
                return Ran(int(text.removeprefix(END)), "".join(lines))
            lines.append(text)
        raise AssertionError("the shell ended: " + "".join(lines))

    async def stop(self) -> None:
        assert self._process.stdin is not None, "it was started with pipes"
        self._process.stdin.close()
        await self._process.wait()


async def follow(shell: Shell, block: Block) -> None:
    """Reading is tried again for a while: loading takes a moment, and the page says so."""
    ran = await shell.run(block.commands)
    if block.commands.startswith("pushgate psql"):

        async def again() -> bool:
            nonlocal ran
            ran = await shell.run(block.commands)
            return is_as_told(block, ran)

        await eventually(again)

    assert is_as_told(block, ran), (block, ran)
