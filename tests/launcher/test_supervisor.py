"""The supervisor with real processes, a real Postgres and tiny programs."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable

import asyncpg
import pytest

from services.launcher.embedded_postgres.orphans import read_postmaster_pid
from services.launcher.stack import START_ORDER
from tests.database.shared_server import own_directory_of_a_run
from tests.eventually import eventually
from tests.launcher.installation import Installation, is_alive, parent_of


@pytest.fixture(scope="module")
async def kept() -> AsyncGenerator[Installation]:
    """In a path that is deep (a Unix socket could not live there) and has a space."""
    with own_directory_of_a_run() as directory:
        deep = directory / "a directory" / ("deep" * 20)
        deep.mkdir(parents=True)
        made = Installation(deep / "data")
        yield made
        await made.end()


@pytest.fixture
async def installation(kept: Installation) -> Installation:
    """One for all tests, since making one takes longest: up and well, whatever was done to it."""
    await kept.be_well()
    return kept


async def test_each_program_runs_under_its_own_role(installation: Installation) -> None:
    users = {name: (await installation.who_answers(name))["user"] for name in ("tokens", "ingest")}

    assert users == {"tokens": "pushgate_tokens", "ingest": "pushgate_ingest"}


async def test_run_json_tells_exactly_what_runs(installation: Installation) -> None:
    run = installation.run_json()

    assert installation.ready.split()[1:] == [
        run[name]["url"] for name in ("tokens", "ingest", "history")
    ]
    assert set(run) == {
        *("tokens", "ingest", "history", "loader", "signer", "postgres"),
        *("database_url", "destination_url", "client_id", "connect_token"),
    }
    assert {name: set(run[name]) for name in (*START_ORDER, "postgres")} == {
        **{name: {"url", "ops_url", "pid"} for name in ("tokens", "ingest", "history")},
        "loader": {"ops_url", "pid"},
        "signer": {"pid"},
        "postgres": {"pid"},
    }
    assert all(is_alive(pid) for pid in installation.pids().values())


async def test_both_database_urls_are_those_of_the_owners(installation: Installation) -> None:
    run = installation.run_json()
    owner = await asyncpg.connect(run["database_url"])
    loader = await asyncpg.connect(run["destination_url"])
    who = [await each.fetchval("SELECT current_user") for each in (owner, loader)]
    fsync = await owner.fetchval("SHOW fsync")
    await owner.close()
    await loader.close()

    assert who == ["pushgate_owner", "pushgate_loader"]
    assert fsync == "on"


async def test_secrets_are_for_their_owner_only(installation: Installation) -> None:
    files = [path for path in installation.directory.iterdir() if path.suffix == ".json"]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files}

    assert modes == dict.fromkeys(
        ("run.json", "children.json", "passwords.json", "postgres.json"), 0o600
    )
    assert stat.S_IMODE((installation.directory / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE(installation.directory.stat().st_mode) & 0o066 == 0


async def test_a_second_up_on_the_same_directory_is_refused(installation: Installation) -> None:
    code, sentence = await Installation(installation.directory).start_and_be_refused()

    assert code == 1
    assert "already up" in sentence


async def test_killed_programs_come_back(installation: Installation) -> None:
    before = installation.pids()
    for program in START_ORDER:
        os.kill(before[program], signal.SIGKILL)

    after = {
        program: await eventually(_other_pid(installation, program, before[program]), seconds=40)
        for program in START_ORDER
    }

    assert all(is_alive(pid) for pid in after.values())
    assert (await installation.who_answers("ingest"))["user"] == "pushgate_ingest"


async def test_a_request_made_while_a_program_restarts_waits_for_the_answer(
    installation: Installation,
) -> None:
    before = installation.pids()["ingest"]
    os.kill(before, signal.SIGKILL)
    await eventually(_is_gone(before))

    answered = await installation._ask("ingest")

    assert answered is not None
    assert answered["pid"] != before


async def test_killed_postgres_comes_back_with_its_data(installation: Installation) -> None:
    url = installation.run_json()["database_url"]
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE SCHEMA kept; CREATE TABLE kept.answers AS SELECT 42 AS answer")
    before = installation.pids()["postgres"]
    os.kill(before, signal.SIGKILL)
    await eventually(_other_pid(installation, "postgres", before), seconds=40)
    await connection.close(timeout=1)

    connection = await asyncpg.connect(url)
    answer = await connection.fetchval("SELECT answer FROM kept.answers")
    await connection.close()

    assert answer == 42
    assert (await installation.who_answers("ingest"))["user"] == "pushgate_ingest"


async def test_a_killed_keeper_leaves_no_second_server(installation: Installation) -> None:
    before = installation.pids()["postgres"]
    os.kill(parent_of(before), signal.SIGKILL)

    await eventually(_other_pid(installation, "postgres", before), seconds=40)

    assert not is_alive(before)
    assert (await installation.who_answers("ingest"))["user"] == "pushgate_ingest"


async def test_children_die_with_a_killed_supervisor_and_the_next_up_works(
    installation: Installation,
) -> None:
    children = installation.pids()
    await installation.stop(signal.SIGKILL)
    for pid in children.values():
        await eventually(_is_gone(pid), seconds=30)

    await installation.start()

    assert (await installation.who_answers("tokens"))["user"] == "pushgate_tokens"


async def test_everything_killed_at_once_comes_back_with_its_data(
    installation: Installation,
) -> None:
    connection = await asyncpg.connect(installation.run_json()["database_url"])
    await connection.execute("CREATE SCHEMA kept_too")
    connection.terminate()
    for pid in installation.pids().values():
        os.kill(pid, signal.SIGKILL)
    await installation.stop(signal.SIGKILL)

    await installation.start()
    connection = await asyncpg.connect(installation.run_json()["database_url"])
    kept = await connection.fetchval("SELECT to_regnamespace('kept_too') IS NOT NULL")
    await connection.close()

    assert kept
    assert (await installation.who_answers("ingest"))["user"] == "pushgate_ingest"


async def test_a_stop_while_starting_leaves_nothing_running(installation: Installation) -> None:
    await installation.stop()
    starting = asyncio.create_task(installation.start())
    children_file = installation.directory / "children.json"

    async def postgres_runs() -> int | None:
        noted = json.loads(children_file.read_text()).get("postgres", {"pid": 0})
        return noted["pid"] if is_alive(noted["pid"]) else None

    postgres = await eventually(postgres_runs, seconds=40)
    code = await installation.stop()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)

    assert code == 0
    await eventually(_is_gone(postgres), seconds=30)


async def test_the_next_up_does_not_wait_for_the_old_children_to_notice(
    installation: Installation,
) -> None:
    children = installation.pids()
    # A stopped process notices nothing; the supervisor's end would leave it for ever.
    os.kill(children["ingest"], signal.SIGSTOP)
    await installation.stop(signal.SIGKILL)

    await installation.start()

    assert not is_alive(children["ingest"])
    assert (await installation.who_answers("ingest"))["user"] == "pushgate_ingest"


async def test_a_restart_keeps_token_passwords_and_database_port(
    installation: Installation,
) -> None:
    before = installation.run_json()
    code = await installation.stop()
    await installation.start()
    after = installation.run_json()

    kept = ("connect_token", "client_id", "database_url", "destination_url")
    assert code == 0
    assert [before[key] for key in kept] == [after[key] for key in kept]


async def test_stopping_leaves_nothing_behind(installation: Installation) -> None:
    children = installation.pids()
    await installation.stop(signal.SIGINT)

    assert not any(is_alive(pid) for pid in children.values())
    assert read_postmaster_pid(installation.directory / "postgres") is None


async def test_a_pid_file_naming_somebody_else_does_not_keep_postgres_from_starting(
    installation: Installation,
) -> None:
    await installation.stop()
    stale = installation.directory / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1700000000\n5432\n\n127.0.0.1\n")

    await installation.start()

    assert (await installation.who_answers("tokens"))["user"] == "pushgate_tokens"


def _other_pid(
    installation: Installation, program: str, before: int
) -> Callable[[], Awaitable[int | None]]:
    async def ask() -> int | None:
        now = installation.pids()[program]
        return now if now != before else None

    return ask


def _is_gone(pid: int) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return not is_alive(pid)

    return ask
