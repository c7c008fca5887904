"""A history as long as a busy installation's after years, written by the log's own function."""

from __future__ import annotations

from datetime import datetime

from asyncpg import Connection, Record

from events import log
from events.ids import new_command_id
from events.types import (
    Fact,
    IntegrationCreated,
    IntegrationPaused,
    IntegrationResumed,
    TokenGenerated,
    TokenRevoked,
)
from tests.tokens.journal_rows import PEER

# From here on no sequence has given out an id yet.
FIRST_ID = 1_000_000
REFUSED_MINUTES = 600
# A million receipts in full rounds, each looked at by the table's guard.
FILL_SECONDS_MAX = 600.0


async def long_history(
    owner: Connection[Record], account_id: int, *, integrations: int, facts: int
) -> list[int]:
    """The integrations' ids. Each has one active token at the end, and most had many before."""
    each = facts // integrations
    ids = [FIRST_ID + place for place in range(integrations)]
    # In two halves, so that at a moment in the middle all of them are there.
    for begin, end in ((0, each // 2), (each // 2, None)):
        for integration_id in ids:
            life = _life(integration_id, account_id, each)[begin:end]
            await log.append(
                owner,
                f"integration/{integration_id}",
                begin,
                life,
                command_id=new_command_id(),
                actor="connect-token/1",
            )
    # As it happens by itself in the course of years.
    await owner.execute(
        "VACUUM ANALYZE ledger.event, tokens.active_tokens, tokens.retired_tokens,"
        " tokens.integrations"
    )
    return ids


def _life(integration_id: int, account_id: int, facts: int) -> list[Fact]:
    name = f"shop_{integration_id}"
    life: list[Fact] = [
        IntegrationCreated(
            integration_id=integration_id,
            account_id=account_id,
            display_name=name,
            schema_name=name,
        )
    ]
    token_id = integration_id * 1_000
    while len(life) < facts:
        life += [
            TokenGenerated(token_id=token_id, token_hash=f"{token_id:064x}", last_four="abcd"),
            TokenRevoked(token_id=token_id),
            IntegrationPaused(paused_at="2026-11-23T12:00:00Z"),
            IntegrationResumed(),
        ]
        token_id += 1
    return [
        *life,
        TokenGenerated(token_id=token_id, token_hash=f"{token_id:064x}", last_four="abcd"),
    ]


async def traffic(
    owner: Connection[Record], ids: list[int], until: datetime, *, pushes: int
) -> None:
    """Of each integration's active token, spread over a day, and refusals by the minute."""
    await owner.execute(
        "INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables,"
        " records, bytes, body_sha256, received_at, log_size, peer)"
        " SELECT gen_random_uuid(), a.integration_id, a.token_id, 'push', '{orders}', 100, 10,"
        "        sha256('x'), $2::timestamptz - ($3 - n) * 86400.0 / $3 * interval '1 second',"
        "        1, $4"
        "   FROM generate_series(1, $3::int) n, tokens.active_tokens a"
        "  WHERE a.integration_id = ANY ($1::int[])",
        ids, until, pushes, PEER,
        timeout=FILL_SECONDS_MAX,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO journal.refusals"
        " SELECT date_trunc('minute', $2::timestamptz) - n * interval '1 minute',"
        "        'token_revoked', i, 1, $2, $2, 5, 100, $3"
        "   FROM unnest($1::int[]) i, generate_series(1, $4::int) n ON CONFLICT DO NOTHING",
        ids[:20], until, PEER, REFUSED_MINUTES,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO journal.token_use SELECT token_id, integration_id, $1, $2, $1, $2"
        "   FROM tokens.active_tokens ON CONFLICT DO NOTHING",
        until, PEER,
    )  # fmt: skip
    await owner.execute("VACUUM ANALYZE journal.receipts, journal.refusals, journal.token_use")
