"""The token and the history service as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator

import aiohttp
import pytest

from services.tokens.use_cases.accounts import OpenedAccount
from tests.database.fixtures import RoleUrl

PROGRAMS = [("services.tokens", "pushgate_tokens"), ("services.history", "pushgate_history")]


@contextlib.asynccontextmanager
async def running(module: str, **settings: object) -> AsyncGenerator[Process]:
    """On free ports, unless others are set."""
    environment = {name: value for name, value in os.environ.items() if "PUSHGATE" not in name}
    wanted = {"PORT": 0, "OPS_PORT": 0, **settings}
    environment |= {f"PUSHGATE_{name}": str(value) for name, value in wanted.items()}
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield program
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.kill()
        await program.communicate()


async def ports_of(program: Process) -> tuple[int, int]:
    """Waits for it to serve: its own port, and the operations port."""
    assert program.stderr is not None
    async for line in program.stderr:
        logged = json.loads(line)
        if logged["event"] == "program.started":
            (own,), (operations,) = (
                [int(digits) for digits in re.findall(r", (\d+)\)", str(logged[name]))]
                for name in ("address", "operations")
            )
            return own, operations
    raise AssertionError("the program ended before it served")


async def get(url: str, **headers: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url) as response,
    ):
        return response.status, await response.read()


@pytest.mark.parametrize(("module", "role"), PROGRAMS)
async def test_a_program_gets_ready_and_stops_in_order(
    module: str, role: str, role_url: RoleUrl
) -> None:
    async with running(module, DATABASE_URL=role_url(role)) as program:
        _, operations = await ports_of(program)
        ready = await get(f"http://127.0.0.1:{operations}/health/ready")
        program.terminate()
        _, lines = await program.communicate()

    assert ready == (200, b'{"status": "ready"}')
    assert program.returncode == 0
    events = [json.loads(line)["event"] for line in lines.splitlines()]
    assert events == ["program.stopping", "program.stopped"]


@pytest.mark.parametrize(("module", "role"), PROGRAMS)
async def test_a_program_refuses_a_role_that_may_do_too_much(
    module: str, role: str, database_url: str
) -> None:
    """The owner's URL given to a service by mistake."""
    assert role not in database_url
    async with running(module, DATABASE_URL=database_url) as program:
        _, lines = await program.communicate()

    assert program.returncode == 1
    assert b"too many rights" in lines


@pytest.mark.parametrize(("module", "role"), PROGRAMS)
async def test_a_program_names_the_settings_it_lacks(module: str, role: str) -> None:
    assert role
    async with running(module, PORT="many") as program:
        _, lines = await program.communicate()

    assert program.returncode == 2
    assert b"PUSHGATE_DATABASE_URL is not set" in lines
    assert b"PUSHGATE_PORT must be a whole number" in lines


async def test_the_connect_api_is_served(role_url: RoleUrl, account: OpenedAccount) -> None:
    async with running("services.tokens", DATABASE_URL=role_url("pushgate_tokens")) as program:
        port, _ = await ports_of(program)
        found = await get(
            f"http://127.0.0.1:{port}/v4/sources", Authorization=f"Bearer {account.access_token}"
        )

    assert found == (200, b"[]")


async def test_a_header_that_cannot_be_read_is_not_repeated(
    role_url: RoleUrl, account: OpenedAccount
) -> None:
    """Hostile input 22: the HTTP parser's own words hold the header, token included."""
    async with running("services.tokens", DATABASE_URL=role_url("pushgate_tokens")) as program:
        port, _ = await ports_of(program)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        header = f"Authorization: Bearer {account.access_token}\x01\r\n"
        writer.write(b"GET /v4/sources HTTP/1.1\r\nHost: x\r\n" + header.encode() + b"\r\n")
        answer = await reader.read()
        writer.close()
        program.terminate()
        _, lines = await program.communicate()

    assert b" 400 " in answer.splitlines()[0]
    assert account.access_token.encode() not in answer + lines
