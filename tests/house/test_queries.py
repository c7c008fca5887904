"""Every named statement works on the migrated schema, for the role that uses it.

A misspelt column, a missing privilege or a function that is not there fails here in a second, with
Postgres's own hint and without data.
"""

import asyncpg
import pytest

from events.queries import load_queries
from services.runtime.database import connect
from tests.database.fixtures import RoleUrl
from tests.house.sources import ROOT

ROLE_OF = {
    "cli": "pushgate_owner",
    "events": "pushgate_tokens",
    "services.history": "pushgate_history",
    "services.ingest": "pushgate_ingest",
    "services.loader": "pushgate_loader",
    "services.runtime": "pushgate_ingest",
    "services.tokens": "pushgate_tokens",
}
# The one door between two services: its statements stand with the journal, the loader runs them.
CLAIM = ROOT / "services" / "ingest" / "journal" / "claim.py"
# What cannot be explained is short and without parameters: it is run and rolled back.
EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "VALUES")


def _role_of(package: str, name: str) -> str:
    claims = package == "services.ingest" and CLAIM.exists() and f'"{name}"' in CLAIM.read_text()
    return "pushgate_loader" if claims else ROLE_OF[package]


PACKAGES = sorted(
    ".".join(file.relative_to(ROOT).parts[:-2])
    for folder in ("cli", "events", "services")
    for file in (ROOT / folder).rglob("sql/queries.sql")
)
QUERIES = [
    pytest.param(_role_of(package, name), statement, id=f"{package}.{name}")
    for package in PACKAGES
    for name, statement in load_queries(package).items()
]


def test_every_package_with_queries_has_a_role() -> None:
    assert set(PACKAGES) <= set(ROLE_OF)


@pytest.mark.parametrize(("role", "statement"), QUERIES)
async def test_prepares_for_its_role(role: str, statement: str, role_url: RoleUrl) -> None:
    connection = await connect(role_url(role), application_name="test")
    try:
        await _try(connection, statement)
    finally:
        await connection.close()


async def test_a_missing_privilege_would_be_noticed(role_url: RoleUrl) -> None:
    connection = await connect(role_url("pushgate_history"), application_name="test")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _try(connection, "DELETE FROM tokens.active_tokens")

    await connection.close()


async def _try(connection: asyncpg.Connection, statement: str) -> None:
    code = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
    if code.lstrip().startswith(EXPLAINED):
        await connection.prepare(code)
        # Preparing looks up names; the plan's start-up also asks for every privilege.
        await connection.execute(f"EXPLAIN (GENERIC_PLAN) {code}")
        return
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(code)
    await transaction.rollback()
