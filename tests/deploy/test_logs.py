"""The form of a log line, and what it never holds."""

import json

import asyncpg
import pytest

from cli.temporary_installation import TemporaryInstallation
from services.runtime import logs
from services.runtime.clock import SystemClock

TOKEN = "at_" + "a1B2c3D4e5" * 4 + "f6G7h8I9j"


@pytest.mark.parametrize("prefix", ["at_", "ac_"])
@pytest.mark.parametrize("around", ["{}", "/v4/{}/x", "Bearer%20{}", "?a={}&b", "KeyError('{}')"])
def test_a_token_in_a_field_is_not_written(prefix: str, around: str) -> None:
    text = around.format(prefix + TOKEN[3:])

    line = logs._render(None, "info", {"event": "history.accessed", "path": text})

    assert TOKEN[3:] not in line
    assert json.loads(line)["path"] == around.format(f"{prefix}***")


def test_a_mangled_token_is_not_written_either() -> None:
    line = logs._render(None, "info", {"event": "history.accessed", "path": TOKEN[:-7]})

    assert TOKEN[3:20] not in line


def test_what_is_no_token_stays() -> None:
    fields = {"event": "table.loaded", "table": "format_of_batches", "milliseconds": 12.5}

    assert json.loads(logs._render(None, "info", dict(fields))) == fields


async def test_postgres_of_its_own_does_not_quote_the_row_that_failed(
    system: TemporaryInstallation,
) -> None:
    """Such a row is what somebody pushed."""
    connection = await asyncpg.connect(system.installation.database_url().reveal())
    secret = f"canary {SystemClock().now()}"
    try:
        await connection.execute("CREATE TEMP TABLE kept (secret text, n int CHECK (n > 0))")
        with pytest.raises(asyncpg.CheckViolationError, match="kept_n_check") as failed:
            await connection.execute("INSERT INTO kept VALUES ($1, -1)", secret)
    finally:
        await connection.close()

    said = (system.data_dir / "logs" / "postgres.log").read_text(errors="replace")
    assert secret in str(failed.value.detail)
    assert 'violates check constraint "kept_n_check"' in said
    assert secret not in said
