"""Requests made from the document, good and bad ones: every answer is one that it describes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.connect_api import connect_api
from cli.temporary_installation import TemporaryInstallation
from tests.clients.environments import program
from tests.clients.recorder import Recorder
from tests.clients.singer import run
from tests.rounds import rounds

REQUESTS = rounds(small=200, full=2_000)
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")

# Starts a system, and a program that takes its time to begin.
pytestmark = pytest.mark.timeout(1_200)


async def test_ingest_answers_as_the_document_says(
    system: TemporaryInstallation, tmp_path: Path
) -> None:
    async with connect_api(system.installation) as api:
        source = await api.create_source("Schemathesis")
        token = await api.create_token(source["id"])
    # Of the four addresses three take a body; the last has but one request.
    recorder = await _tried(
        system.installation.import_url(),
        token["access_token"],
        only="^/v2/",
        examples=REQUESTS // 3 + 1,
        directory=tmp_path,
    )

    assert max(recorder.statuses) < 500
    assert len(recorder.statuses) >= REQUESTS
    assert {200, 201, 400, 422} <= set(recorder.statuses)


async def test_the_token_service_answers_as_the_document_says(
    system: TemporaryInstallation, tmp_path: Path
) -> None:
    # It deletes and revokes what it finds, so it gets an account of its own.
    made = await system.run_json("accounts", "create", "Schemathesis")
    recorder = await _tried(
        system.installation.connect_url(),
        made["connect_token"]["access_token"],
        only="^/v4/",
        examples=REQUESTS // 6 + 1,
        directory=tmp_path,
    )

    assert max(recorder.statuses) < 500
    assert len(recorder.statuses) >= REQUESTS
    assert {200, 400, 404} <= set(recorder.statuses)


async def _tried(url: str, token: str, *, only: str, examples: int, directory: Path) -> Recorder:
    """The same requests every time. What it found is in the assertion."""
    async with Recorder(url).serving() as recorder:
        output, log, exit_code = await run(
            program("schemathesis", "schemathesis"),
            *("--config-file", str(CONFIGURATION)),
            *("run", f"{url}/openapi.json", "--url", recorder.url),
            *("--include-path-regex", only, "--header", f"Authorization: Bearer {token}"),
            *("--phases", "coverage,fuzzing"),
            *("--max-examples", str(examples), "--seed", "7723", "--warnings", "off"),
            *("--report-dir", str(directory), "--no-color"),
            directory=directory,
        )
    assert exit_code == 0, (output, log)
    return recorder
