"""Accounts, Connect tokens and status: what asks the database of a real system."""

from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made


async def test_an_account_comes_with_an_owners_connect_token(system: TemporaryInstallation) -> None:
    made = await system.run_json("accounts", "create", "Another company")
    listed = await system.run_json("connect-tokens", "list", "--client-id", str(made["client_id"]))

    assert made.keys() == {"client_id", "name", "connect_token"}
    assert made["connect_token"].keys() == {"id", "access_token"}
    assert [(token["id"], token["role"]) for token in listed] == [
        (made["connect_token"]["id"], "owner")
    ]
    assert listed[0].keys() == {"id", "role", "last_four", "created_at"}
    assert made["connect_token"]["access_token"].endswith(listed[0]["last_four"])


async def test_an_account_sees_only_its_own_integrations(
    system: TemporaryInstallation, made: Made
) -> None:
    other = await system.run_json("accounts", "create", "A stranger")
    seen = await system.run(
        "integrations",
        "show",
        made.name,
        PUSHGATE_CONNECT_TOKEN=other["connect_token"]["access_token"],
    )

    assert seen.exit_code == 1
    assert "There is no integration" in seen.errors


async def test_an_auditors_connect_token_reads_and_does_not_write(
    system: TemporaryInstallation, name: str
) -> None:
    token = await system.run_json("connect-tokens", "generate", "--role", "auditor")
    as_auditor = {"PUSHGATE_CONNECT_TOKEN": token["access_token"]}
    reading = await system.run("integrations", "list", **as_auditor)
    writing = await system.run("integrations", "create", name, **as_auditor)

    assert token.keys() == {"id", "role", "access_token"}
    assert reading.exit_code == 0
    assert (writing.exit_code, writing.output) == (1, "")
    assert "role" in writing.errors


async def test_a_revoked_connect_token_is_refused_with_the_way_out(
    system: TemporaryInstallation,
) -> None:
    token = await system.run_json("connect-tokens", "generate")
    revoked = await system.run_json("connect-tokens", "revoke", str(token["id"]))
    refused = await system.run("integrations", "list", PUSHGATE_CONNECT_TOKEN=token["access_token"])

    assert token["role"] == "member"
    assert revoked == {"id": token["id"]}
    assert refused.exit_code == 1
    assert "PUSHGATE_CONNECT_TOKEN" in refused.errors
    assert token["access_token"] not in refused.errors


async def test_status_tells_the_log_and_the_backlog(system: TemporaryInstallation) -> None:
    status = await system.run_json("status")

    assert status.keys() == {"size", "pending", "failed", "oldest_pending_seconds"}
    assert status["size"] >= 2


async def test_a_system_that_is_not_there_is_one_sentence(system: TemporaryInstallation) -> None:
    nowhere = "http://127.0.0.1:9"
    over_http = await system.run(
        "integrations", "list", PUSHGATE_URL=nowhere, PUSHGATE_CONNECT_TOKEN="ac_x"
    )
    over_sql = await system.run("status", PUSHGATE_DATABASE_URL="postgresql://x@127.0.0.1:9/x")

    for command in (over_http, over_sql):
        assert (command.exit_code, command.output) == (1, "")
        assert command.errors.count("\n") == 1
        assert "does not respond" in command.errors


async def test_wrong_use_exits_with_2(system: TemporaryInstallation) -> None:
    unknown = await system.run("tokens", "forget", "1")
    none = await system.run("tokens")

    assert (unknown.exit_code, none.exit_code) == (2, 2)
