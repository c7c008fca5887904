"""Many at once: the limit of two tokens, names, and the barrier of design promise 2."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from asyncpg import Pool, Record

from events import log
from events.ids import IntegrationId
from services.runtime.clock import SystemClock
from services.runtime.database import connect
from services.tokens.domain.commands import PauseIntegration, ResumeIntegration
from services.tokens.domain.permissions import Caller, system_caller
from services.tokens.limits import RetryPolicy
from services.tokens.refusals import Busy, IntegrationNotFound, NameTaken, TokenLimitReached
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.use_cases import UseCases
from tests.database.fixtures import RoleUrl
from tests.eventually import eventually
from tests.tokens.connect_client import Answer, ConnectClient

CALLS = 50


async def post_at_once(api: ConnectClient, path: str) -> list[Answer]:
    return list(await asyncio.gather(*(api.post(path) for _ in range(CALLS))))


async def test_two_active_tokens_and_fifty_calls_give_none(
    api: ConnectClient, connections: Pool[Record]
) -> None:
    source = await api.new_source()
    await api.new_token(source)
    await api.new_token(source)
    size = await connections.fetchval("SELECT size FROM ledger.head")

    answers = await post_at_once(api, f"/v4/sources/{source}/tokens")

    assert Counter(answer.status for answer in answers) == {400: CALLS}
    assert {answer.json["error"] for answer in answers} == {"TokenLimitReached"}
    assert await connections.fetchval("SELECT size FROM ledger.head") == size


async def test_one_active_token_and_fifty_calls_give_exactly_one(
    api: ConnectClient, connections: Pool[Record]
) -> None:
    source = await api.new_source()
    first = await api.new_token(source)
    size = await connections.fetchval("SELECT size FROM ledger.head")

    answers = await post_at_once(api, f"/v4/sources/{source}/tokens")

    assert Counter(answer.status for answer in answers) == {200: 1, 400: CALLS - 1}
    assert await connections.fetchval("SELECT size FROM ledger.head") == size + 1
    (generated,) = (answer.json["id"] for answer in answers if answer.status == 200)
    listed = (await api.get(f"/v4/sources/{source}/tokens")).json
    assert [token["token_id"] for token in listed] == [generated, first]


async def test_several_processes_keep_the_limit_too(
    caller: Caller, connections: Pool[Record]
) -> None:
    """Each has its own semaphore, so more of them meet at the log."""
    programs = [UseCases(connections, SystemClock()) for _ in range(5)]
    created = await programs[0].integrations.create(caller, "Import API")

    found = await asyncio.gather(
        *(
            program.integrations.generate_token(caller, created.integration_id)
            for program in programs * 4
        ),
        return_exceptions=True,
    )

    kinds = Counter(type(one).__name__ for one in found)
    assert kinds == {"GeneratedToken": 2, TokenLimitReached.__name__: 18}


async def test_the_larger_id_is_the_newer_token(
    use_cases: UseCases, caller: Caller, connections: Pool[Record]
) -> None:
    created = await use_cases.integrations.create(caller, "Import API")
    await asyncio.gather(
        *(use_cases.integrations.generate_token(caller, created.integration_id) for _ in range(20)),
        return_exceptions=True,
    )

    rows = await connections.fetch(
        "SELECT token_id FROM tokens.active_tokens ORDER BY generated_number"
    )

    ids = [row["token_id"] for row in rows]
    assert len(ids) == 2
    assert ids == sorted(ids)


async def test_one_name_goes_to_one_of_many(
    use_cases: UseCases, account: OpenedAccount, stranger: OpenedAccount
) -> None:
    callers = [system_caller(account.account_id), system_caller(stranger.account_id)] * 10

    found = await asyncio.gather(
        *(use_cases.integrations.create(caller, "Import API") for caller in callers),
        return_exceptions=True,
    )

    kinds = Counter(type(one).__name__ for one in found)
    assert kinds == {"CreatedIntegration": 1, NameTaken.__name__: 19}


async def test_a_stream_that_everybody_moves_gets_everybodys_facts(
    use_cases: UseCases, caller: Caller, connections: Pool[Record]
) -> None:
    created = await use_cases.integrations.create(caller, "Import API")
    times = [f"2019-06-01T00:00:{second:02}Z" for second in range(30)]

    await asyncio.gather(
        *(
            use_cases.integrations.change(
                caller, created.integration_id, [PauseIntegration(paused_at=time)]
            )
            for time in times
        )
    )

    async with connections.acquire() as connection:
        recorded = await log.read_stream(connection, f"integration/{created.integration_id}")
    assert [one.version for one in recorded] == list(range(1, 32))


# --- the barrier


@contextlib.asynccontextmanager
async def push_in_hand(role_url: RoleUrl, integration_id: IntegrationId) -> AsyncGenerator[None]:
    """What ingest's group transaction holds from its first statement to its commit."""
    ingest = await connect(role_url("pushgate_ingest"), application_name="test ingest")
    try:
        async with ingest.transaction():
            await ingest.execute("SELECT pg_advisory_xact_lock_shared(1, $1)", integration_id)
            yield
    finally:
        await ingest.close()


async def waits_for_lock(connections: Pool[Record]) -> bool:
    return bool(
        await connections.fetchval(
            # Of this database: the server is shared with the run's other processes.
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database())"
        )
    )


@pytest.mark.parametrize("what", ["revoke", "pause", "resume", "delete"])
async def test_whatever_ends_a_right_waits_for_the_pushes_in_hand(
    what: str,
    use_cases: UseCases,
    caller: Caller,
    connections: Pool[Record],
    role_url: RoleUrl,
) -> None:
    created = await use_cases.integrations.create(caller, "Import API", with_token=True)
    assert created.token is not None
    integration_id, token_id = created.integration_id, created.token.token_id
    commands: dict[str, Any] = {
        "revoke": lambda: use_cases.integrations.revoke_token(caller, integration_id, token_id),
        "pause": lambda: use_cases.integrations.change(
            caller, integration_id, [PauseIntegration(paused_at="2019-06-01")]
        ),
        "resume": lambda: use_cases.integrations.change(
            caller, integration_id, [ResumeIntegration()]
        ),
        "delete": lambda: use_cases.integrations.delete(caller, integration_id),
    }
    if what == "resume":
        await commands["pause"]()
    size = await connections.fetchval("SELECT size FROM ledger.head")

    async with push_in_hand(role_url, integration_id):
        command = asyncio.create_task(commands[what]())
        await eventually(lambda: waits_for_lock(connections))

        # Neither recorded nor holding up anybody else's facts while it waits.
        assert await connections.fetchval("SELECT size FROM ledger.head") == size
        await use_cases.integrations.create(caller, "Another", with_token=True)
        assert not command.done()
    await command
    assert await connections.fetchval("SELECT size FROM ledger.head") == size + 3


async def test_a_stranger_cannot_hold_up_pushes(
    use_cases: UseCases, caller: Caller, stranger: OpenedAccount, role_url: RoleUrl
) -> None:
    """The barrier of another account's integration is never asked for."""
    created = await use_cases.integrations.create(caller, "Import API")

    async with push_in_hand(role_url, created.integration_id):
        with pytest.raises(IntegrationNotFound):
            await use_cases.integrations.delete(
                system_caller(stranger.account_id), created.integration_id
            )


async def test_a_push_that_never_ends_makes_a_revocation_fail_openly(
    caller: Caller, connections: Pool[Record], role_url: RoleUrl
) -> None:
    """A clear no within a limit, and no lock left behind that would stop the pushes too."""
    impatient = RetryPolicy(attempts_max=2, barrier_seconds_max=0.05)
    use_cases = UseCases(connections, SystemClock(), retry_policy=impatient)
    created = await use_cases.integrations.create(caller, "Import API")

    async with push_in_hand(role_url, created.integration_id):
        with pytest.raises(Busy):
            await use_cases.integrations.delete(caller, created.integration_id)

        assert not await waits_for_lock(connections)
