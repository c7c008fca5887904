"""The snippets of docs/app-developers.md do what the page says, each in its own language."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import playwright
import pytest

from cli.connect_api import connect_api
from cli.database import connection_to, system_database
from cli.temporary_installation import TemporaryInstallation
from tests.cli.loading import nothing_waits
from tests.cli.made import Made
from tests.clients.environments import program
from tests.docs.quickstart import BLOCK
from tests.eventually import eventually
from tests.openapi.document import DOCUMENT

PAGE = Path("docs/app-developers.md")
_numbers = itertools.count(1)


class Snippet(NamedTuple):
    language: str
    text: str
    prints: str


def snippets() -> Iterator[Snippet]:
    """Those that are followed by what they print."""
    found = BLOCK.findall(PAGE.read_text("utf-8"))
    for (language, _, text), (following, _, prints) in itertools.pairwise(found):
        if following == "text":
            yield Snippet(language, text, prints)


SNIPPETS = list(snippets())


@pytest.fixture
async def source(system: TemporaryInstallation) -> Made:
    async with connect_api(system.installation) as api:
        made = await api.create_source(f"App {next(_numbers)}")
        token = await api.create_token(made["id"])
    return Made(made["id"], made["name"], token["id"], token["access_token"])


def node() -> str:
    """The machine's, else the one that comes with the browser tests' driver."""
    own = Path(playwright.__file__).parent / "driver" / "node"
    found = shutil.which("node") or (str(own) if own.exists() else None)
    return found or pytest.skip("no Node here: JavaScript can't be run")


def command(snippet: Snippet, directory: Path) -> list[str]:
    file = directory / f"snippet.{snippet.language}"
    file.write_text(snippet.text, "utf-8")
    match snippet.language:
        case "python":
            return [sys.executable, str(file)]
        case "js":
            return [node(), str(file)]
        case _:
            return ["sh", "-e", str(file)]


def path_for(snippet: Snippet) -> str:
    """target-stitch is in an environment of its own."""
    own = os.environ["PATH"]
    if "target-stitch" not in snippet.text:
        return own
    return f"{Path(program('singer-clients', 'target-stitch')).parent}:{own}"


async def printed(
    snippet: Snippet, system: TemporaryInstallation, token: str, directory: Path
) -> str:
    process = await asyncio.create_subprocess_exec(
        *command(snippet, directory),
        cwd=directory,
        env={
            "PATH": path_for(snippet),
            "PUSHGATE_IMPORT_URL": system.installation.import_url(),
            "PUSHGATE_CLIENT_ID": str(system.installation.client_id()),
            "PUSHGATE_TOKEN": token,
        },
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.parametrize(
    "snippet", SNIPPETS, ids=[f"{s.language}-{n}" for n, s in enumerate(SNIPPETS)]
)
async def test_a_snippet_prints_what_the_page_says(
    system: TemporaryInstallation, source: Made, snippet: Snippet, tmp_path: Path
) -> None:
    assert (
        await printed(snippet, system, source.token, tmp_path)
    ).strip() == snippet.prints.strip()


@pytest.mark.parametrize("language", ["python", "js"])
async def test_a_snippet_that_is_refused_says_why(
    system: TemporaryInstallation, language: str, tmp_path: Path
) -> None:
    snippet = next(each for each in SNIPPETS if each.language == language)
    output = await printed(snippet, system, "at_wrong", tmp_path)

    assert 'refused: 401 {"message":"Not Authorized"}' in output


async def test_what_the_snippets_pushed_is_in_the_table(
    system: TemporaryInstallation, source: Made, tmp_path: Path
) -> None:
    for snippet in SNIPPETS:
        if "validate" not in snippet.text:
            await printed(snippet, system, source.token, tmp_path)
    async with system_database(system.installation) as journal:
        await eventually(lambda: nothing_waits(journal, source), seconds=60)
    url = system.installation.destination_url()
    async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
        rows = await destination.fetch(f"SELECT id, product FROM {source.name}.orders ORDER BY id")

    assert [tuple(row) for row in rows] == [(1, "tea"), (2, "coffee"), (3, "milk"), (4, "bread")]


def test_every_language_has_a_snippet() -> None:
    assert [snippet.language for snippet in SNIPPETS] == ["sh", "sh", "python", "js", "sh"]


def test_every_status_that_can_be_answered_is_on_the_page() -> None:
    described = {
        status
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
    }

    assert set(re.findall(r"^\| (\d{3}) \|", PAGE.read_text("utf-8"), re.MULTILINE)) == described
