"""`pushgate up` with the real programs, as a person starts it."""

import asyncio
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.database.shared_server import own_directory_of_a_run
from tests.eventually import eventually
from tests.launcher.installation import ROOT, Installation

ANY_PORTS = [f"--{program}-port=0" for program in ("tokens", "ingest", "history")]
UP = (sys.executable, "-m", "cli", "up", *ANY_PORTS, "--quickstart", "--data-dir")


@pytest.fixture(scope="module")
async def running() -> AsyncGenerator[Installation]:
    """One that is up, for tests that leave it so."""
    with own_directory_of_a_run() as directory:
        made = Installation(directory / "data", command=UP)
        try:
            await made.start()
            yield made
        finally:
            await made.end()


class Life(NamedTuple):
    """What run.json said while it was up, and whether the token in it worked."""

    run_json: dict[str, Any]
    status: int

    @property
    def secrets(self) -> list[str]:
        urls = (self.run_json["database_url"], self.run_json["destination_url"])
        passwords = [url.partition("@")[0].rpartition(":")[2] for url in urls]
        return [self.run_json["connect_token"], *passwords]


@pytest.fixture
async def installation(own_directory: Path) -> AsyncGenerator[Installation]:
    made = Installation(own_directory / "data", command=UP)
    yield made
    await made.end()


async def _life(installation: Installation) -> Life:
    await installation.start()
    run_json = installation.run_json()
    status = await status_of(installation, "tokens", "/v4/sources")
    await installation.stop(signal.SIGINT)
    return Life(run_json, status)


async def run(*command: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    output, error = await process.communicate()
    return process.returncode, (output + error).decode()


async def status_of(installation: Installation, program: str, path: str) -> int:
    run_json = installation.run_json()
    headers = {"Authorization": f"Bearer {run_json['connect_token']}"}
    address = run_json[program]["ops_url" if path.startswith("/health") else "url"]
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(address + path) as answer,
    ):
        return answer.status


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl to paste the push for")
async def test_the_printed_push_can_be_pasted_and_its_row_is_seen(
    running: Installation,
) -> None:
    printed = await running.printed_until("Ctrl-C")
    push = printed[printed.index("curl ") : printed.index("\n\nThen look")]
    look = printed[printed.index(".venv/bin/pushgate psql") : printed.index("\n\nLogs")]
    accepted, answer = await run("sh", "-c", push)

    async def row_is_there() -> bool:
        _, rows = await run(
            "sh", "-c", look.replace(".venv/bin/pushgate", f"{sys.executable} -m cli")
        )
        return "Hello from curl" in rows

    assert accepted == 0
    assert answer.startswith('{"status":"OK","message":"Batch Accepted!"}')
    assert await eventually(row_is_there, seconds=60)


async def test_every_program_is_live_and_ready(running: Installation) -> None:
    asked = [
        await status_of(running, program, path)
        for program in ("tokens", "ingest", "history", "loader")
        for path in ("/health/live", "/health/ready")
    ]

    assert asked == [200] * 8


async def test_a_connect_token_is_kept_and_replaced_when_lost_and_stands_in_no_log(
    installation: Installation,
) -> None:
    """All in one, because every start takes its time."""
    first, second = await _life(installation), await _life(installation)
    (installation.directory / "run.json").unlink()
    third = await _life(installation)
    tokens = [life.run_json["connect_token"] for life in (first, second, third)]
    clients = {life.run_json["client_id"] for life in (first, second, third)}
    logs = "".join(path.read_text() for path in (installation.directory / "logs").iterdir())

    assert [life.status for life in (first, second, third)] == [200, 200, 200]
    assert tokens[0] == tokens[1] != tokens[2]
    assert len(clients) == 1
    assert "program.started" in logs
    assert not any(secret in logs for secret in (*first.secrets, *third.secrets))


async def test_a_second_up_is_refused_in_a_sentence(running: Installation) -> None:
    code, said = await Installation(running.directory, command=UP).start_and_be_refused()

    assert code == 1
    assert said.startswith("pushgate: ")
    assert "already up" in said


async def test_the_first_start_prints_a_link_to_sign_in_with(running: Installation) -> None:
    printed = await running.printed_until("Ctrl-C")
    (link,) = [line.strip() for line in printed.splitlines() if "/link/" in line]
    async with (
        aiohttp.ClientSession(headers={"Accept": "text/html"}) as session,
        session.get(link) as answer,
    ):
        page = await answer.text()

    assert answer.status == 200
    assert "Choose a password" in page
