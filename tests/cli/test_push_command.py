"""`pushgate push` against the real gate, and `pushgate psql` to see what became of it."""

import contextlib
from pathlib import Path

import asyncpg

from cli.temporary_installation import CompletedCommand, TemporaryInstallation
from services.runtime.database import connect
from tests.cli.made import Made
from tests.eventually import eventually


async def rows(system: TemporaryInstallation, statement: str) -> list[tuple[object, ...]]:
    """Empty while the table is not there."""
    with contextlib.suppress(asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        connection = await connect(system.installation.destination_url(), application_name="test")
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()
    return []


async def push(
    system: TemporaryInstallation, token: str, given: str, *options: str
) -> CompletedCommand:
    words = ("push", "-", "--table", "t", "--key", "id", "--json", *options)
    return await system.run(*words, stdin=given, PUSHGATE_TOKEN=token)


async def test_records_arrive_as_they_were_written(
    system: TemporaryInstallation, made: Made
) -> None:
    given = '{"id": 1, "a": 9007199254740993, "b": "text", "c": true, "d": null, "e": 1.5}\n'
    pushed = await push(system, made.token, given)
    loaded = await eventually(lambda: rows(system, f"SELECT id, a, b, c, e FROM {made.name}.t"))

    assert pushed.exit_code == 0
    assert pushed.document.keys() == {
        "table",
        "seconds",
        "accepted",
        "not_accepted",
        "requests",
        "bytes",
        "problems",
    }
    assert (pushed.document["accepted"], pushed.document["problems"]) == (1, [])
    assert loaded == [(1, 9007199254740993, "text", True, 1.5)]


async def test_of_a_file_the_later_line_wins_and_a_later_push_over_that(
    system: TemporaryInstallation, made: Made
) -> None:
    lines = '{"id": 1, "v": "first"}\n{"id": 1, "v": "second"}\n'
    await push(system, made.token, lines, "--batch-records", "1")
    loaded = f"SELECT v FROM {made.name}.t WHERE v = "
    second = await eventually(lambda: rows(system, loaded + "'second'"))
    await push(system, made.token, '[{"id": 1, "v": "third"}]')
    third = await eventually(lambda: rows(system, loaded + "'third'"))

    assert (second, third) == ([("second",)], [("third",)])


async def test_a_file_with_mistakes_is_told_line_by_line(
    system: TemporaryInstallation, made: Made, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(made.token + "\n")
    file = tmp_path / "records.ndjson"
    file.write_text('{"id": 1}\n{"x": 2}\nnot json\n{"id": 4}\n')
    pushed = await system.run(
        *("push", str(file), "--table", "t", "--key", "id", "--token-file", str(token_file)),
        "--json",
    )
    problems = [(p["outcome"], p["first"], p["last"]) for p in pushed.document["problems"]]

    assert pushed.exit_code == 1
    assert pushed.errors == "pushgate: 2 records were not acknowledged.\n"
    assert (pushed.document["accepted"], pushed.document["not_accepted"]) == (2, 2)
    assert problems == [("unusable", 2, 2), ("unusable", 3, 3)]


async def test_a_revoked_token_pushes_nothing_and_is_told_what_to_do(
    system: TemporaryInstallation, made: Made
) -> None:
    await system.run_json("tokens", "revoke", str(made.token_id))
    pushed = await push(system, made.token, '{"id": 1}\n{"id": 2}\n')
    (problem,) = pushed.document["problems"]

    assert pushed.exit_code == 1
    assert pushed.document["accepted"] == 0
    assert (problem["outcome"], problem["status"]) == ("refused", 401)
    assert problem["reason"] == '{"message":"Not Authorized"}'
    assert "tokens check" in problem["advice"]


async def test_the_gates_own_words_are_passed_on(system: TemporaryInstallation, made: Made) -> None:
    pushed = await push(system, made.token, '{"id": "' + "x" * 1025 + '"}\n{"id": "y"}\n')
    (problem,) = pushed.document["problems"]

    assert pushed.document["accepted"] == 1
    assert (problem["status"], problem["first"], problem["last"]) == (422, 1, 1)
    assert "String keys cannot be longer than 1024 characters" in problem["reason"]


async def test_without_a_token_or_a_file_there_is_a_sentence(system: TemporaryInstallation) -> None:
    no_token = await system.run("push", "-", "--table", "t", "--key", "id", stdin="{}")
    no_file = await system.run(
        *("push", "/nowhere/at/all", "--table", "t", "--key", "id"), PUSHGATE_TOKEN="at_x"
    )

    assert (no_token.exit_code, no_file.exit_code) == (1, 1)
    assert "PUSHGATE_TOKEN" in no_token.errors
    assert "/nowhere/at/all can't be read" in no_file.errors


async def test_psql_gets_the_password_out_of_sight(system: TemporaryInstallation) -> None:
    shown = await system.run("psql", "--", "-tA", "-c", "SELECT current_user")

    assert (shown.exit_code, shown.output) == (0, "pushgate_loader\n")
