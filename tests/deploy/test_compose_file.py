"""What docker-compose.yml and its Caddyfile say, held against the programs."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from events.sql_files import load_queries
from services.history.app import HistorySettings
from services.history.app import build_app as build_history
from services.ingest.app import IngestSettings
from services.ingest.app import build_app as build_ingest
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.tokens.app import TokensSettings
from services.tokens.app import build_app as build_tokens
from services.tokens.web.templating import load_templates
from tests.docs.settings import INHERITED, PROGRAMS, fields_by_variable

# Decided by the image, or of no use to a program that serves nobody.
ELSEWHERE = {
    "PUSHGATE_HOST",
    "PUSHGATE_OPS_HOST",
    "PUSHGATE_PORT",
    "PUSHGATE_BEHIND_PROXY",
    "PUSHGATE_SIGNER_DIR",
}
NOWHERE = Secret("postgresql://nobody@127.0.0.1:1/nothing")


def environment_of(service: str) -> Mapping[str, str]:
    text = Path("docker-compose.yml").read_text("utf-8")
    (own,) = re.findall(rf"^  {service}:\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return dict(re.findall(r"^      (PUSHGATE_\w+): (.*)$", own, re.MULTILINE))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_setting_of_a_program_can_be_given_in_the_env_file(program: str) -> None:
    readers = fields_by_variable()
    settings = {name for name, programs in readers.items() if program in programs}

    missing = settings - INHERITED - ELSEWHERE - environment_of(program).keys()

    assert missing == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_handed_on_is_read(program: str) -> None:
    readers = fields_by_variable()

    unread = {name for name in environment_of(program) if program not in readers.get(name, {})}

    assert unread == set()


# --- caddy ---


def program_behind(path: str) -> str:
    """As caddy decides it: the first ``handle`` that fits."""
    text = Path("deploy/Caddyfile").read_text("utf-8")
    (history,) = re.findall(r"path_regexp (\S+)", text)
    if path.startswith("/v2/"):
        return "ingest"
    return "history" if re.search(history, path) else "tokens"


def paths_of(app: web.Application) -> set[str]:
    """With something in each place that changes."""
    numbered = {
        re.sub(r"\{\w*(id|number|level)\}", "7", r.canonical) for r in app.router.resources()
    }
    hashed = {path.replace("{token_hash}", "ab" * 32) for path in numbered}
    return {re.sub(r"\{\w+\}", "x001", path) for path in hashed}


@pytest.fixture
def statements_and_templates_are_read() -> None:
    """As the programs do before their event loops start."""
    for package in ("events", "services.tokens", "services.tokens.web", "services.history"):
        load_queries(package)
    load_queries("services.ingest")
    load_queries("services.journal")
    load_templates()


@pytest.mark.usefixtures("statements_and_templates_are_read")
async def test_every_path_of_a_program_leads_to_it() -> None:
    clock = SystemClock()
    apps = {
        "tokens": build_tokens(TokensSettings(database_url=NOWHERE), clock=clock),
        "history": build_history(HistorySettings(database_url=NOWHERE), clock=clock),
        "ingest": build_ingest(IngestSettings(database_url=NOWHERE), clock=clock),
    }
    own = {name: paths_of(app) - {"/openapi.json"} for name, app in apps.items()}
    # Ingest answers for whatever it does not know; that is nobody's path.
    own["ingest"] = {path for path in own["ingest"] if path.startswith("/v2/")}

    led = {name: {path: program_behind(path) for path in paths} for name, paths in own.items()}

    assert {name: set(programs.values()) for name, programs in led.items()} == {
        name: {name} for name in apps
    }, led
