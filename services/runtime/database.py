"""Connections to Postgres: how every program of ours opens them."""

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

# The encoding of the log is UTF-8, its times are UTC, and an answered commit is on disk.
_SESSION = {
    "timezone": "UTC",
    "client_encoding": "UTF8",
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "30s",
}

# Opens a connection that its caller closes. Raises one of AWAY when the server cannot be reached.
ConnectFunction: TypeAlias = Callable[[], Awaitable["Connection[Record]"]]

# What a connection that broke, or a server that is away, shows itself as.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server is starting, stopping, or was killed
    asyncpg.TooManyConnectionsError,
    # What the driver says when it is used between the last byte of a server that was killed and
    # the news that the connection is gone ("cannot switch to state 12").
    asyncpg.InternalClientError,
)

# Pools that were made and are not closed, by their names in the metrics. A pool takes no weak
# references.
_measured: list[tuple[str, Pool[Record]]] = []


def reveal(url: str | Secret) -> str:
    return url.reveal() if isinstance(url, Secret) else url


async def connect(
    url: str | Secret, *, application_name: str, command_seconds_max: float = COMMAND_SECONDS_MAX
) -> Connection[Record]:
    """One connection of its own, for a listener, a loader or a command."""
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
    """A pool to be entered with ``async with``; it opens its first connection then.

    Until it is closed, how many of its connections are busy stands among the metrics, under
    ``application_name`` or, where that is another one at each start, under ``measured_as``.
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
    """Sets the gauges of the pools that are open, one set for each application name."""
    _measured[:] = [(name, pool) for name, pool in _measured if not pool.is_closing()]
    POOL_CONNECTIONS.clear()
    for name, pool in _measured:
        idle = pool.get_idle_size()
        POOL_CONNECTIONS.labels(name, "idle").inc(idle)
        POOL_CONNECTIONS.labels(name, "busy").inc(pool.get_size() - idle)
        POOL_CONNECTIONS.labels(name, "most").inc(pool.get_max_size())


async def reason_not_ready(pool: Pool[Record]) -> str | None:
    """A readiness check: None when the database answers within two seconds."""
    try:
        async with asyncio.timeout(2):
            await pool.fetchval("SELECT 1")
    except AWAY as error:
        return f"the database does not answer: {type(error).__name__}"
    return None


class DatabaseUnsuitable(Exception):
    """The database can be reached, but must not be used as it is; the sentence says why."""
