"""The history service of an installation, for the commands that query it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

from audit.errors import AuditFailed
from audit.history_client import HistoryClient, TokenNotAccepted, Unavailable, open_history_client
from cli.errors import CommandFailed
from cli.installation import Installation

_ADVICE: dict[type[AuditFailed], str] = {
    TokenNotAccepted: " Set PUSHGATE_CONNECT_TOKEN to an active one; `pushgate connect-tokens"
    " generate --role auditor` makes one.",
    Unavailable: " Check that `pushgate up` is running, or set PUSHGATE_HISTORY_URL.",
}


@contextlib.asynccontextmanager
async def history_api(installation: Installation) -> AsyncIterator[HistoryClient]:
    """Raises CommandFailed, also for an audit that fails inside the block."""
    url, token = installation.history_url(), installation.history_token()
    with reporting_audit_errors():
        async with open_history_client(url, token) as client:
            yield client


@contextlib.contextmanager
def reporting_audit_errors() -> Iterator[None]:
    """Turn AuditFailed into CommandFailed, with what to do about it."""
    try:
        yield
    except AuditFailed as error:
        raise CommandFailed(f"{error}{_ADVICE.get(type(error), '')}") from error
