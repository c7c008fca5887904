"""Connections to PostgreSQL: how every program opens them, and what a lost one raises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg
from asyncpg import Connection, Pool, Record

from services.runtime.config import Secret
from services.runtime.metrics import POOL_CONNECTIONS

CONNECT_SECONDS_MAX = 10.0
COMMAND_SECONDS_MAX = 60.0

# The log is in UTF-8 and its times in UTC; a confirmed commit is on disk.
_SESSION = {
    "timezone": "UTC",
    "client_encoding": "UTF8",
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "30s",
}

# Opens a connection that its caller closes. Raises one of AWAY when the server cannot be reached.
ConnectFunction: TypeAlias = Callable[[], Awaitable["Connection[Record]"]]

# The exceptions of a broken connection and of an unavailable server.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server is starting, stopping, or was killed
    asyncpg.TooManyConnectionsError,
    # Raised by the driver between the last byte of a killed server and the notice that the
    # connection is lost ("cannot switch to state 12").
    asyncpg.InternalClientError,
)

# Pools that are not closed, by their names in the metrics. Pools do not support weak references.
_measured: list[tuple[str, Pool[Record]]] = []


def reveal(url: str | Secret) -> str:
    return url.reveal() if isinstance(url, Secret) else url


def in_database(url: str | Secret, name: str) -> Secret:
    """The same URL for another database of that server."""
    before_query, question_mark, query = reveal(url).partition("?")
    # By hand: ``urlunsplit`` drops the empty host of a URL that names a socket directory.
    scheme, _, rest = before_query.partition("://")
    authority, _, _ = rest.partition("/")
    return Secret(f"{scheme}://{authority}/{name}{question_mark}{query}")


async def connect(
    url: str | Secret,
    *,
    application_name: str,
    command_seconds_max: float | None = COMMAND_SECONDS_MAX,
) -> Connection[Record]:
    """One connection outside of any pool, for a listener, a loader or a command.

    ``command_seconds_max`` None: only the server limits how long a statement may take.
    """
    return await asyncpg.connect(
        reveal(url),
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=command_seconds_max,
        server_settings={**_SESSION, "application_name": application_name},
    )


def pool(
    url: str | Secret,
    *,
    application_name: str,
    connections_max: int,
    measured_as: str | None = None,
    **options: Any,
) -> Pool[Record]:
    """A pool for ``async with``, which opens its first connection.

    Until it is closed, the metrics report its connections under ``application_name`` or, if that
    is different at each start, under ``measured_as``.
    """
    made = asyncpg.create_pool(
        reveal(url),
        min_size=1,
        max_size=connections_max,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=COMMAND_SECONDS_MAX,
        server_settings={**_SESSION, "application_name": application_name},
        **options,
    )
    _measured.append((measured_as or application_name, made))
    return made


def measure_pools() -> None:
    """Sets the gauges of all open pools, one set for each name."""
    _measured[:] = [(name, pool) for name, pool in _measured if not pool.is_closing()]
    POOL_CONNECTIONS.clear()
    for name, pool in _measured:
        idle = pool.get_idle_size()
        POOL_CONNECTIONS.labels(name, "idle").inc(idle)
        POOL_CONNECTIONS.labels(name, "busy").inc(pool.get_size() - idle)
        POOL_CONNECTIONS.labels(name, "most").inc(pool.get_max_size())


async def reason_not_ready(pool: Pool[Record]) -> str | None:
    """A readiness check: None if the database answers within two seconds."""
    try:
        async with asyncio.timeout(2):
            await pool.fetchval("SELECT 1")
    except AWAY as error:
        return f"the database does not answer: {type(error).__name__}"
    return None


class DatabaseUnsuitable(Exception):
    """The database is reachable but must not be used as it is; the message gives the reason."""
