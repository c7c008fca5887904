"""The databases of an installation: create and migrate them, and give each program its URL."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from services.launcher.data_directory import DataDirectory
from services.launcher.embedded_postgres.cluster import prepare_cluster
from services.launcher.postgres_child import supervise_postgres
from services.runtime.config import Secret
from services.runtime.database import connect, in_database
from services.runtime.migrations import OWNER, create_roles, grant_destination, migrate

DATABASE = "pushgate"
DESTINATION = "pushgate_destination"
LOADER = "pushgate_loader"


@dataclass(frozen=True, kw_only=True)
class Databases:
    """``main`` has no user and password; ``destination`` has those of its owner."""

    main: str
    destination: Secret
    passwords: Mapping[str, Secret]

    def url(self, role: str) -> Secret:
        return as_role(self.main, role, self.passwords[role])


@contextlib.asynccontextmanager
async def embedded_superuser_url(
    directory: DataDirectory,
    *,
    print_notice: Callable[[str], None],
    on_started: Callable[[str, int], None],
) -> AsyncGenerator[Secret]:
    """The superuser's URL of the embedded server, which runs during the block."""
    cluster = prepare_cluster(directory.path, durable=True, print_notice=print_notice)
    async with supervise_postgres(cluster, directory, on_started=on_started):
        yield Secret(cluster.url(DATABASE))


async def prepare_databases(
    admin: Secret, passwords: Mapping[str, Secret], *, destination: Secret | None
) -> Databases:
    """Create what is missing: databases, roles with these passwords, the schema. Safe to repeat.

    ``admin`` must be allowed to create roles, and databases unless they exist.
    ``destination=None``: another database on the same server.
    """
    databases = await prepare_server(admin, passwords, destination=destination)
    await migrate(databases.url(OWNER))
    return databases


async def prepare_server(
    admin: Secret, passwords: Mapping[str, Secret], *, destination: Secret | None
) -> Databases:
    """As ``prepare_databases``, without the schema."""
    await create_database(admin)
    await create_roles(admin, passwords)
    main = _without_user(admin.reveal())
    if destination is None:
        own = in_database(admin, DESTINATION)
        await create_database(own)
        await grant_destination(own)
        destination = as_role(in_database(main, DESTINATION).reveal(), LOADER, passwords[LOADER])
    return Databases(main=main, destination=destination, passwords=passwords)


async def create_database(url: Secret) -> None:
    """Create the database that ``url`` names, unless it exists."""
    name = urlsplit(url.reveal()).path.lstrip("/")
    with contextlib.suppress(asyncpg.InvalidCatalogNameError):
        await (await connect(url, application_name="pushgate up")).close()
        return
    gate = await connect(in_database(url, "postgres"), application_name="pushgate up")
    try:
        quoted = await gate.fetchval("SELECT quote_ident($1)", name)
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await gate.execute(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'")
    finally:
        await gate.close()


def as_role(url: str, role: str, password: Secret) -> Secret:
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return Secret(
        urlunsplit(parts._replace(netloc=f"{role}:{quote(password.reveal(), safe='')}@{where}"))
    )


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
