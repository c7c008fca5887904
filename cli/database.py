"""Connections of commands to the installation's database and to the destination."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

import asyncpg
from asyncpg import Connection, Record

from cli.errors import CommandFailed
from cli.installation import Installation
from services.runtime.config import Secret
from services.runtime.database import AWAY, connect

# `audit replay` reads the whole log.
COMMAND_SECONDS_MAX = 3_600.0


@contextlib.asynccontextmanager
async def system_database(installation: Installation) -> AsyncIterator[Connection[Record]]:
    """Raises CommandFailed, also for errors inside the block."""
    async with connection_to(installation.database_url(), "PUSHGATE_DATABASE_URL") as connection:
        yield connection


@contextlib.asynccontextmanager
async def connection_to(url: Secret, variable: str) -> AsyncIterator[Connection[Record]]:
    """``variable``: the setting to fix when the database cannot be used."""
    with reporting_database_errors(variable):
        connection = await connect(
            url, application_name="pushgate", command_seconds_max=COMMAND_SECONDS_MAX
        )
        try:
            yield connection
        finally:
            await connection.close()


@contextlib.contextmanager
def reporting_database_errors(variable: str) -> Iterator[None]:
    try:
        yield
    except AWAY as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CommandFailed(
            f"The database does not respond: {reason}. Check that `pushgate up` is running, or set"
            f" {variable}."
        ) from error
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
    ) as error:
        raise CommandFailed(
            f"The database refuses the connection: {error}. Check {variable}."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise CommandFailed(
            f"The user in {variable} lacks a privilege: {error}. Use another role."
        ) from error
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise CommandFailed(
            f"The database lacks the schema of this version: {error}. Run `pushgate migrate`."
        ) from error
