"""`pushgate push --outbox` and `pushgate outbox` on the real system."""

import json
from pathlib import Path

from cli.connect_api import ConnectApi
from cli.temporary_installation import CompletedCommand, TemporaryInstallation
from tests.cli.made import Made
from tests.cli.test_push_command import rows
from tests.eventually import eventually
from tests.rounds import rounds

RECORDS = rounds(small=3_000, full=1_000_000)


async def push(
    system: TemporaryInstallation, token: str, file: str, outbox: Path, *options: str
) -> CompletedCommand:
    words = ("push", file, "--table", "t", "--key", "id", "--outbox", str(outbox), *options)
    return await system.run(*words, PUSHGATE_TOKEN=token)


def flights(path: Path, count: int) -> str:
    """Of all of them one is wrong: its key is too long for any gate."""
    wrong = count // 3
    with path.open("w") as file:
        file.write("id,n\n")
        for n in range(1, count + 1):
            file.write(f"{'x' * 1025 if n == wrong else n},{n}\n")
    return str(path)


async def test_a_wrong_record_among_many_costs_only_itself_and_is_named(
    system: TemporaryInstallation, made: Made, tmp_path: Path
) -> None:
    file = flights(tmp_path / "flights.csv", RECORDS)
    options = ("--column", "n:integer", "--json")
    pushed = await push(system, made.token, file, tmp_path / "outbox", *options)

    document = pushed.document
    [problem] = document["problems"]
    assert (pushed.exit_code, document["accepted"]) == (1, RECORDS - 1)
    assert (document["held"], document["set_aside"]) == (0, 1)
    # The header is line 1.
    assert (problem["first"], problem["last"]) == (RECORDS // 3 + 1, RECORDS // 3 + 1)
    assert (problem["outcome"], problem["status"]) == ("set aside", 422)
    assert "1024 characters" in problem["reason"]
    # Of a thousand records ten halvings find the one; each asks for one half, or for both.
    assert RECORDS // 1000 < document["requests"] <= RECORDS // 1000 + 20

    async def all_rows() -> bool:
        found = await rows(system, f"SELECT count(*), sum(n) FROM {made.name}.t")
        expected = (RECORDS - 1, RECORDS * (RECORDS + 1) // 2 - RECORDS // 3)
        return found == [expected]

    await eventually(all_rows, seconds=120)


async def test_what_a_revoked_token_holds_is_told_and_goes_on_with_another(
    system: TemporaryInstallation, made: Made, api: ConnectApi, tmp_path: Path
) -> None:
    outbox, token_file = tmp_path / "outbox", tmp_path / "token"
    file = tmp_path / "some.ndjson"
    file.write_text('{"id": 1}\n{"id": 2}\n')
    await api.revoke_token(made.id, made.token_id)
    held = await push(system, made.token, str(file), outbox)
    shown = await system.run("outbox", str(outbox), "--json")
    fresh = (await api.create_token(made.id))["access_token"]
    token_file.write_text(fresh)
    resumed = await system.run("outbox", str(outbox), "--resume", "--token-file", str(token_file))

    assert held.exit_code == 1
    assert "held       2" in held.output
    assert "Not Authorized" in held.output
    assert (shown.document["waiting"], shown.document["waiting_records"]) == (1, 2)
    assert resumed.exit_code == 0, resumed.output + resumed.errors
    found = await eventually(lambda: rows(system, f"SELECT id FROM {made.name}.t ORDER BY 1"))
    assert found == [(1,), (2,)]


async def test_what_was_set_aside_is_exported_sent_again_and_forgotten(
    system: TemporaryInstallation, made: Made, tmp_path: Path
) -> None:
    outbox, file = tmp_path / "outbox", tmp_path / "some.ndjson"
    file.write_text('{"id": 1, "v": 1.10}\n')
    refused = await push(system, made.token, str(file), outbox, "--client-id", "999")
    exported = await system.run("outbox", str(outbox), "--export")
    again = await system.run(
        "outbox", str(outbox), "--send-again", "--json", PUSHGATE_TOKEN=made.token
    )
    [aside] = again.document["set_aside_entries"]
    forgotten = await system.run("outbox", str(outbox), "--discard", "--id", str(aside["id"]))
    left = await system.run("outbox", str(outbox), "--json")
    mistyped = await system.run("outbox", str(outbox), "--export", "--id", "77")

    assert refused.exit_code == 1
    document = json.loads(exported.output)
    assert (document["status"], document["tables"]) == (403, ["t"])
    assert '"v": 1.10' in exported.output
    assert (again.exit_code, aside["status"]) == (1, 403)
    assert forgotten.exit_code == 0
    assert (left.document["set_aside"], left.document["set_aside_entries"]) == (0, [])
    assert (mistyped.exit_code, "No entry with the id 77" in mistyped.errors) == (1, True)


async def test_what_is_no_outbox_is_said(system: TemporaryInstallation, tmp_path: Path) -> None:
    told = await system.run("outbox", str(tmp_path))

    assert (told.exit_code, "is not an outbox" in told.errors) == (1, True)


async def test_types_of_columns_are_for_csv(system: TemporaryInstallation, made: Made) -> None:
    words = ("push", "-", "--table", "t", "--key", "id", "--column", "id:integer")
    told = await system.run(*words, stdin="{}", PUSHGATE_TOKEN=made.token)

    assert (told.exit_code, "--column applies to CSV only" in told.errors) == (1, True)
