"""Runs target-stitch, as a person pipes a tap into it."""

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, NamedTuple

from tests.clients.environments import program
from tests.clients.recorder import BIG

RUN_SECONDS_MAX = 600


class Ended(NamedTuple):
    """``states`` are the lines of its standard output; its log goes to the other."""

    exit_code: int
    states: list[Any]
    log: str


def schema(stream: str, *keys: str, **types: Any) -> dict[str, Any]:
    """``types``: of each property."""
    properties = {name: {"type": kind} for name, kind in types.items()}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "key_properties": list(keys),
        "schema": {"type": "object", "properties": properties},
    }


def record(stream: str, data: dict[str, Any], version: int | None = None) -> dict[str, Any]:
    message = {"type": "RECORD", "stream": stream, "record": data}
    return message if version is None else message | {"version": version}


def activate(stream: str, version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def state(value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


class Target:
    def __init__(self, directory: Path, url: str, *, token: str, client_id: int) -> None:
        self._config = directory / "target.json"
        self._settings = {
            "client_id": client_id,
            "token": token,
            "small_batch_url": f"{url}/v2/import/batch",
            "big_batch_url": f"{url}{BIG}/v2/import/batch",
            "batch_size_preferences": {},
            "disable_collection": True,
        }

    def with_token(self, token: str) -> None:
        self._settings["token"] = token

    async def takes(self, *messages: dict[str, Any], options: tuple[str, ...] = ()) -> Ended:
        return await self.reads("".join(json.dumps(m) + "\n" for m in messages), options)

    async def reads(self, lines: str | bytes, options: tuple[str, ...] = ()) -> Ended:
        self._config.write_text(json.dumps(self._settings), "utf-8")
        given = lines.encode() if isinstance(lines, str) else lines
        target = program("singer-clients", "target-stitch")
        output, log, exit_code = await run(target, "-c", str(self._config), *options, given=given)
        return Ended(exit_code, [json.loads(line) for line in output.splitlines()], log)


async def run(
    *words: str, given: bytes = b"", directory: Path | None = None
) -> tuple[str, str, int]:
    """What it printed, its log, and its exit code. ``directory`` is where it may leave things."""
    process = await asyncio.create_subprocess_exec(
        *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=directory
    )
    async with asyncio.timeout(RUN_SECONDS_MAX):
        output, log = await process.communicate(given)
    assert process.returncode is not None, "communicate waits for the end"
    return output.decode(), log.decode(), process.returncode
