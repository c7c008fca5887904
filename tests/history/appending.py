"""Small histories, appended as the token service does it, and tampered with as an insider would."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256

from asyncpg import Connection, Record

from events import log
from events.ids import new_command_id
from events.types import (
    AccountOpened,
    ConnectTokenGenerated,
    Fact,
    IntegrationCreated,
    IntegrationRenamed,
    Role,
    TokenGenerated,
    TokenRevoked,
)

ACCOUNT = 1


async def append(
    connection: Connection[Record], stream: str, facts: Sequence[Fact], *, actor: str = "system"
) -> int:
    """The number of the last one."""
    done = await log.append(
        connection, stream, None, facts, command_id=new_command_id(), actor=actor
    )
    return done[-1].number


async def open_account(connection: Connection[Record]) -> None:
    await append(connection, f"account/{ACCOUNT}", [AccountOpened(account_id=ACCOUNT)])


async def create_integration(
    connection: Connection[Record], integration_id: int, *, account_id: int = ACCOUNT
) -> None:
    name = f"shop_{integration_id}"
    fact = IntegrationCreated(
        integration_id=integration_id, account_id=account_id, display_name=name, schema_name=name
    )
    await append(connection, f"integration/{integration_id}", [fact])


async def connect_token_generated(
    connection: Connection[Record],
    text: str,
    *,
    role: Role,
    connect_token_id: int = 1,
    account_id: int = ACCOUNT,
) -> None:
    fact = ConnectTokenGenerated(
        connect_token_id=connect_token_id,
        token_hash=sha256(text.encode()).hexdigest(),
        last_four=text[-4:],
        role=role,
    )
    await append(connection, f"account/{account_id}", [fact])


def token_generated(token_id: int) -> TokenGenerated:
    return TokenGenerated(
        token_id=token_id, token_hash=token_hash(token_id), last_four=f"{token_id:04d}"[-4:]
    )


def token_hash(token_id: int) -> str:
    return sha256(f"token {token_id}".encode()).hexdigest()


async def small_history(connection: Connection[Record]) -> None:
    """Six facts: an account, an integration, two tokens of which one is revoked, a name."""
    await open_account(connection)
    await create_integration(connection, 1)
    await append(connection, "integration/1", [token_generated(1)], actor="connect-token/9")
    await append(connection, "integration/1", [token_generated(2)], actor="connect-token/9")
    await append(connection, "integration/1", [TokenRevoked(token_id=1)])
    await append(connection, "integration/1", [IntegrationRenamed(display_name="Shop ☃")])


async def rename(connection: Connection[Record], times: int) -> None:
    """That many more facts, in one append."""
    facts = [IntegrationRenamed(display_name=f"name {place}") for place in range(times)]
    await append(connection, "integration/1", facts)


@contextlib.asynccontextmanager
async def unguarded(owner: Connection[Record], table: str = "ledger.event") -> AsyncIterator[None]:
    """As an insider with the owner's rights would do it."""
    await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    try:
        yield
    finally:
        await owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


async def accept(
    connection: Connection[Record], token_id: int, count: int = 1, *, integration_id: int = 1
) -> None:
    """That many receipts, as a group of ingest leaves them; the log is left alone."""
    await connection.execute(
        """
        INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables, records,
                                      bytes, body_sha256, received_at, log_size, peer)
        SELECT gen_random_uuid(), $3, $1, 'push', ARRAY['orders', 'späte "Waren"'], 3, 70,
               sha256(place::text::bytea),
               clock_timestamp() + place * interval '1 microsecond', size, '203.0.113.7'
          FROM generate_series(1, $2::int) place, ledger.head
        """,
        token_id,
        count,
        integration_id,
    )
