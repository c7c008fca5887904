"""The cost of sealing for pushes: one record per push while a million receipts are sealed."""

from __future__ import annotations

import asyncio
import functools
import os
from hashlib import sha256
from time import perf_counter

import aiohttp

from bench.ingest import WORKLOADS, measure_rate
from bench.measure import ROUNDS, Context, Measure
from bench.system import Served, serving
from events import log
from events.ids import new_command_id
from events.types import ConnectTokenGenerated
from services.runtime.database import connect
from services.tokens.use_cases.integrations import GeneratedToken

RECEIPTS = int(os.environ.get("PUSHGATE_BENCH_RECEIPTS", "1000000"))
AUDITOR = "ac_bench_sealing"
ONE_RECORD = WORKLOADS[0]
PATH = "/v2/import/push"
SEAL_SECONDS_MAX = 900.0
# Two cores are shared by the load generator, ingest, PostgreSQL and the sealing.
REACH = 0.75

# Receipts as ingest writes them.
LOAD_RECEIPTS = """
INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables, records, bytes,
                              body_sha256, received_at, log_size, peer)
SELECT gen_random_uuid(), $1, $2, 'push', ARRAY['orders'], 1, 170, sha256(place::text::bytea),
       clock_timestamp() - interval '1 minute' + place * interval '1 microsecond', size,
       '203.0.113.7'
  FROM generate_series(1, $3::int) place, ledger.head
"""


async def measure(context: Context) -> list[Measure]:
    created = await context.create_integration("Bench sealing")
    assert created.token is not None
    await _load(context, created.integration_id, created.token)
    push = functools.partial(
        measure_rate, token=created.token.access_token, client_id=context.client_id
    )
    history = {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_history")}
    ingest = {"PUSHGATE_DATABASE_URL": context.role_url("pushgate_ingest")}
    async with (
        serving(context, "services.history", history) as auditing,
        serving(context, "services.ingest", ingest) as served,
    ):
        # Before and after, so that effects of the new receipts on the machine count for both.
        alone = [await push(served, ONE_RECORD, path=PATH) for _ in range(ROUNDS)]
        sealing = asyncio.create_task(_seal(auditing))
        meanwhile = [await push(served, ONE_RECORD, path=PATH) for _ in range(ROUNDS)]
        if sealing.done():
            raise RuntimeError("the receipts were sealed before the pushes were measured")
        sealed_per_second = await sealing
        alone += [await push(served, ONE_RECORD, path=PATH) for _ in range(ROUNDS)]
    return [
        Measure(
            measure=f"one record a push, while {RECEIPTS:,} receipts are sealed",
            value=max(meanwhile),
            unit="requests/s",
            floor=max(alone),
            reach=REACH,
        ),
        Measure(measure="sealing during pushes", value=sealed_per_second, unit="receipts/s"),
    ]


async def _load(context: Context, integration_id: int, token: GeneratedToken) -> None:
    owner = await connect(
        context.role_url("pushgate_owner"), application_name="bench", command_seconds_max=1800
    )
    await owner.execute(LOAD_RECEIPTS, integration_id, token.token_id, RECEIPTS)
    await owner.execute("VACUUM ANALYZE journal.receipts")
    admin = await connect(
        context.cluster.url("postgres"), application_name="bench", command_seconds_max=600
    )
    await admin.execute("CHECKPOINT")
    await admin.close()
    fact = ConnectTokenGenerated(
        connect_token_id=1_000_000,
        token_hash=sha256(AUDITOR.encode()).hexdigest(),
        last_four=AUDITOR[-4:],
        role="auditor",
    )
    stream = f"account/{context.client_id}"
    await log.append(owner, stream, None, [fact], command_id=new_command_id(), actor="system")
    await owner.close()


async def _seal(auditing: Served) -> float:
    """Receipts per second, without those that arrived during the sealing."""
    headers = {"Authorization": f"Bearer {AUDITOR}"}
    timeout = aiohttp.ClientTimeout(total=SEAL_SECONDS_MAX)
    url = f"http://127.0.0.1:{auditing.port}/receipts/seal"
    began = perf_counter()
    async with (
        aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
        session.post(url) as answer,
    ):
        assert answer.status == 200, await answer.text()
        seals = await answer.json()
    assert sum(seal["count"] for seal in seals) >= RECEIPTS, seals
    return RECEIPTS / (perf_counter() - began)
