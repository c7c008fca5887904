"""Every named statement works on the migrated schema, for the role that uses it.

A misspelt column, a missing privilege or a function that is not there fails here in a second, with
Postgres's own hint and without data.
"""

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from events.sql_files import load_queries
from services.loader.catalog.catalog import catalog_sql
from services.runtime.database import connect
from tests.database.fixtures import as_role, fresh_database, fresh_destination
from tests.database.kept import KeptConnections
from tests.house.sources import ROOT

ROLE_OF = {
    "cli": "pushgate_owner",
    "events": "pushgate_tokens",
    "services.history": "pushgate_history",
    "services.ingest": "pushgate_ingest",
    "services.journal": "pushgate_ingest",
    "services.loader": "pushgate_loader",
    "services.runtime": "pushgate_ingest",
    "services.tokens": "pushgate_tokens",
    "services.tokens.web": "pushgate_tokens",
}
# Run in the destination, on what the loader makes there at its start.
IN_DESTINATION = "services.loader.catalog"
# Statements that stand with one program's and are run by another, by the code that names them:
# the one door between two services, and the signer's, which is of the history package.
RUN_BY_ANOTHER = {
    "services.journal": ("services/journal/claims.py", "pushgate_loader"),
    "services.history": ("services/history/signer/*.py", "pushgate_signer"),
}
GENERIC_PLAN_SINCE = (16,)
# What cannot be explained is short and without parameters: it is run and rolled back.
EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "VALUES")


def _role_of(package: str, name: str) -> str:
    pattern, other = RUN_BY_ANOTHER.get(package, ("", ""))
    named = pattern and any(f'"{name}"' in file.read_text() for file in ROOT.glob(pattern))
    return other if named else ROLE_OF[package]


PACKAGES = sorted(
    ".".join(file.relative_to(ROOT).parts[:-2])
    for folder in ("cli", "events", "services")
    for file in (ROOT / folder).rglob("sql/queries.sql")
)
QUERIES = [
    pytest.param(_role_of(package, name), statement, id=f"{package}.{name}")
    for package in PACKAGES
    if package != IN_DESTINATION
    for name, statement in load_queries(package).items()
]
DESTINATION_QUERIES = load_queries(IN_DESTINATION)
CATALOG = catalog_sql()


def test_every_package_with_queries_has_a_role() -> None:
    assert set(PACKAGES) <= {*ROLE_OF, IN_DESTINATION}


# Explaining changes nothing, so one database serves them all.
@pytest.fixture(scope="module")
async def migrated_url(server_url: str, template: str) -> AsyncGenerator[str]:
    async with fresh_database(server_url, template) as url:
        yield url


@pytest.fixture(scope="module")
async def catalog_url(server_url: str, template: str) -> AsyncGenerator[str]:
    assert template  # with it came the roles
    async with fresh_destination(server_url) as url:
        connection = await connect(url, application_name="test")
        await connection.execute(CATALOG)
        await connection.close()
        yield url


@pytest.fixture(scope="module")
async def kept(migrated_url: str) -> AsyncGenerator[KeptConnections]:
    """One connection for each role."""
    async with KeptConnections(migrated_url) as connections:
        yield connections


@pytest.mark.parametrize(("role", "statement"), QUERIES)
async def test_prepares_for_its_role(
    role: str, statement: str, migrated_url: str, kept: KeptConnections
) -> None:
    await _try(await kept.as_new(as_role(migrated_url, role)), statement)


@pytest.mark.parametrize("name", DESTINATION_QUERIES)
async def test_prepares_in_the_destination(
    name: str, catalog_url: str, kept: KeptConnections
) -> None:
    await _try(await kept.as_new(catalog_url), DESTINATION_QUERIES[name])


async def test_a_missing_privilege_would_be_noticed(migrated_url: str) -> None:
    connection = await connect(as_role(migrated_url, "pushgate_history"), application_name="test")
    if connection.get_server_version() < GENERIC_PLAN_SINCE:
        pytest.skip("before PostgreSQL 16 a plan with parameters cannot be had without them")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _try(connection, "DELETE FROM tokens.active_tokens")

    await connection.close()


async def _try(connection: asyncpg.Connection, statement: str) -> None:
    code = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
    if code.lstrip().startswith(EXPLAINED):
        await connection.prepare(code)
        # Preparing looks up names; the plan's start-up also asks for every privilege.
        if connection.get_server_version() >= GENERIC_PLAN_SINCE:
            await connection.execute(f"EXPLAIN (GENERIC_PLAN) {code}")
        return
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(code)
    await transaction.rollback()
