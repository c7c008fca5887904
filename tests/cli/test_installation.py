import json
from argparse import Namespace
from pathlib import Path

import pytest

from cli.errors import CommandFailed
from cli.installation import Installation, find_installation
from cli.push.options import gate_url, token_source

RUN = {
    "tokens": {"url": "http://127.0.0.1:8800", "pid": 1},
    "ingest": {"url": "http://127.0.0.1:8801"},
    "database_url": "postgresql://kept",
    "client_id": 1,
    "connect_token": "ac_kept",
}


def installation(
    directory: Path, run: dict[str, object] | None = None, **environ: str
) -> Installation:
    if run is not None:
        (directory / "run.json").write_text(json.dumps(run))
    return find_installation(str(directory), environ)


def test_what_is_up_on_this_machine_is_found_without_any_variable(tmp_path: Path) -> None:
    found = installation(tmp_path, RUN)

    assert found.connect_url() == "http://127.0.0.1:8800"
    assert found.import_url() == "http://127.0.0.1:8801"
    assert found.connect_token().reveal() == "ac_kept"
    assert found.client_id() == 1


def test_variables_win(tmp_path: Path) -> None:
    found = installation(
        tmp_path,
        RUN,
        PUSHGATE_IMPORT_URL="https://gate.example/",
        PUSHGATE_DATABASE_URL="postgresql://told",
        PUSHGATE_CLIENT_ID="7723",
    )

    assert found.import_url() == "https://gate.example"
    assert found.database_url().reveal() == "postgresql://told"
    assert found.client_id() == 7723


def test_another_system_is_not_told_of_with_the_kept_database(tmp_path: Path) -> None:
    found = installation(tmp_path, RUN, PUSHGATE_URL="https://elsewhere.example")

    assert found.database_url().reveal() == "postgresql://kept"
    with pytest.raises(CommandFailed, match="PUSHGATE_DATABASE_URL"):
        found.database_url_of_connect_api()


def test_the_kept_connect_token_is_not_sent_to_another_address(tmp_path: Path) -> None:
    found = installation(tmp_path, RUN, PUSHGATE_URL="https://elsewhere.example")

    with pytest.raises(CommandFailed, match="PUSHGATE_CONNECT_TOKEN is not set"):
        found.connect_token()


def test_the_directory_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(RUN))

    assert find_installation(None, {"PUSHGATE_DATA_DIR": str(tmp_path)}).client_id() == 1


def test_what_is_missing_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"PUSHGATE_DESTINATION_URL is not set, .*pushgate up"):
        installation(tmp_path).destination_url()


def test_a_broken_run_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")

    with pytest.raises(CommandFailed, match=r"run\.json cannot be read"):
        installation(tmp_path)


def test_an_address_without_a_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="must begin with http"):
        installation(tmp_path, PUSHGATE_URL="gate.example").connect_url()


def test_no_secret_is_in_the_text_of_a_target(tmp_path: Path) -> None:
    assert "ac_kept" not in repr(installation(tmp_path, RUN))


def test_an_address_that_nothing_can_be_pushed_to_is_refused(tmp_path: Path) -> None:
    found = installation(tmp_path, PUSHGATE_IMPORT_URL="http://me:mine@gate.example")
    with pytest.raises(CommandFailed, match=r"PUSHGATE_IMPORT_URL: .* no user name"):
        gate_url(found)
    with pytest.raises(CommandFailed, match=r"--url: .* begin with http"):
        gate_url(found, "gate.example")

    assert gate_url(found, "https://gate.example/") == "https://gate.example"


async def test_a_token_that_no_header_can_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"PUSHGATE_TOKEN: .* control character"):
        await token_source(
            Namespace(token_file=None), installation(tmp_path, PUSHGATE_TOKEN="a\tb")
        )
