"""The token service's own use cases, for what only the installation's operator may do.

Apart from the other databases of commands: they are most of what a short command would read.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from cli.database import reporting_database_errors
from cli.errors import CommandFailed
from cli.installation import Installation
from services.runtime.clock import SystemClock
from services.runtime.database import pool
from services.tokens.refusals import CommandRefused
from services.tokens.use_cases.use_cases import UseCases


@contextlib.asynccontextmanager
async def token_service_handlers(installation: Installation) -> AsyncIterator[UseCases]:
    with reporting_database_errors("PUSHGATE_DATABASE_URL"):
        async with pool(
            installation.database_url(), application_name="pushgate", connections_max=2
        ) as connections:
            try:
                yield UseCases(connections, SystemClock())
            except CommandRefused as refusal:
                raise CommandFailed(refusal.message) from refusal
