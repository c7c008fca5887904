"""History with a million events: drift check, verification, export, as-of, proofs, appends."""

from __future__ import annotations

import asyncio
import functools
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from audit import standalone_verifier
from bench.measure import ROUNDS, Context, Measure
from bench.system import Served, serving
from events import log
from events.ids import new_command_id
from events.log import AnyConnection
from events.replay import LOG, compare
from events.sql_files import load_queries
from events.types import ConnectTokenGenerated, IntegrationRenamed
from services.history.signer.files import SignerFiles
from services.history.signer.signing import Signer
from services.runtime.clock import SystemClock
from services.runtime.database import connect
from services.runtime.migrations import OWNER, create_roles, migrate
from services.tokens.use_cases.drift_monitor import PROJECTIONS

EVENTS = int(os.environ.get("PUSHGATE_BENCH_EVENTS", "1000000"))
FACTS_A_STREAM = 20
DATABASE = "pushgate_history"
AUDITOR = "ac_bench"
PROOFS = 300
MOMENTS = 7
# The filters of a page: one stream, and a period.
FILTERED = 5
PERIOD = "from=2020-02-01&to=2022-01-01"
WRITERS = 4
APPENDS_A_WRITER = 500

# Set by the issue; a time of at most n times the floor is a rate of at least 1/n of it.
DRIFT_REACH = 1 / 2
VERIFY_REACH = 1 / 4
EXPORT_REACH = 1 / 2
AS_OF_MILLISECONDS_MAX = 2_000.0
PROOF_MILLISECONDS_MAX = 5.0

_CONTENT_LENGTH = re.compile(rb"(?i)content-length: ([0-9]+)\r\n")


@dataclass(frozen=True, kw_only=True)
class Log:
    """A database of its own in the cluster of this run."""

    role_url: Callable[[str], str]
    served: Served
    directory: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.served.port}"


async def measure(context: Context) -> list[Measure]:
    def role_url(role: str) -> str:
        return urlunsplit(urlsplit(context.role_url(role))._replace(path=f"/{DATABASE}"))

    await _make_log(context, role_url)
    environment = {"PUSHGATE_DATABASE_URL": role_url("pushgate_history")}
    async with serving(context, "services.history", environment) as served:
        history = Log(role_url=role_url, served=served, directory=context.directory)
        return [
            await _drift(history),
            await _columns(history),
            *await _as_of(history),
            *await _export_and_verify(history),
            *await _proofs(history),
            await _pages(history),
            await _appends(history),
        ]


async def _make_log(context: Context, role_url: Callable[[str], str]) -> None:
    admin = await connect(context.cluster.url("postgres"), application_name="bench")
    await admin.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
    await admin.close()
    await create_roles(context.cluster.url(DATABASE), {})
    await migrate(role_url(OWNER))
    owner = await connect(role_url(OWNER), application_name="bench", command_seconds_max=1800)
    script = await asyncio.to_thread(Path(__file__).with_name("history_log.sql").read_text)
    await owner.execute(script.replace("$1", str(EVENTS // FACTS_A_STREAM)))
    # As autovacuum does for a log that grew over time.
    await owner.execute("VACUUM ANALYZE")
    fact = ConnectTokenGenerated(
        connect_token_id=1,
        token_hash=sha256(AUDITOR.encode()).hexdigest(),
        last_four="ench",
        role="auditor",
    )
    await log.append(owner, "account/1", None, [fact], command_id=new_command_id(), actor="system")
    await owner.close()
    signing = await connect(role_url("pushgate_signer"), application_name="bench")
    files = SignerFiles(context.directory / "history signer")
    await (await asyncio.to_thread(Signer, files, SystemClock())).sign_next(signing)
    await signing.close()


async def _drift(history: Log) -> Measure:
    """Compared with counting the rows of the folds, the minimum that a comparison must do."""
    connection = await connect(
        history.role_url("pushgate_history"), application_name="bench", command_seconds_max=600
    )

    async def check() -> None:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            comparison = await compare(connection, PROJECTIONS)
            assert comparison.match, comparison

    async def count() -> None:
        for _, table in PROJECTIONS:
            await connection.fetchval(
                f"SELECT count(*) FROM (SELECT * FROM tokens.{table}_as_of($1)) f",  # noqa: S608 - our own names
                EVENTS,
            )

    floors, ours = await _in_turn(count, check)
    await connection.close()
    return _rate("drift check", ours, floors, DRIFT_REACH)


async def _columns(history: Log) -> Measure:
    """The other part of `pushgate audit replay`: each column against its text. Reported only."""
    connection = await connect(
        history.role_url("pushgate_history"), application_name="bench", command_seconds_max=600
    )

    async def check() -> None:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            comparison = await compare(connection, [LOG])
            assert comparison.match, comparison.only_in_fold[:3]

    seconds = await _seconds(check)
    await connection.close()
    return Measure(
        measure=f"columns against texts, {EVENTS:,} events", value=EVENTS / seconds, unit="events/s"
    )


async def _as_of(history: Log) -> list[Measure]:
    """The slowest of several points in time, one query per connection like `audit as-of`."""
    query = load_queries("services.tokens")["tokens_that_could_write"]
    seconds = []
    for place in range(1, MOMENTS + 1):
        connection = await connect(history.role_url("pushgate_history"), application_name="bench")
        ask = functools.partial(connection.fetch, query, EVENTS * place // MOMENTS)
        seconds.append(await _seconds(ask))
        await connection.close()
    worst = max(seconds) * 1000
    return [
        Measure(measure="as of any moment", value=worst, unit="ms", reach=AS_OF_MILLISECONDS_MAX)
    ]


async def _export_and_verify(history: Log) -> list[Measure]:
    path = history.directory / "export.ndjson"
    connection = await connect(
        history.role_url("pushgate_history"), application_name="bench", command_seconds_max=600
    )

    async def copy_to_nowhere() -> None:
        await connection.copy_from_query("SELECT record FROM ledger.event", output=_nowhere)

    floors, ours = await _in_turn(copy_to_nowhere, lambda: _download(history, "/events", path))
    await connection.close()
    export = _rate("export", ours, floors, EXPORT_REACH)
    return [export, await _verify(history, path)]


async def _verify(history: Log, path: Path) -> Measure:
    note_path, key_path = history.directory / "note", history.directory / "key"
    await _download(history, "/log/checkpoint", note_path)
    await _download(history, "/log/keys", key_path)
    note, key = note_path.read_text(), key_path.read_text()

    async def hash_each_line() -> None:
        await asyncio.to_thread(_hash_each_line, path)

    async def check() -> None:
        found = await asyncio.to_thread(
            standalone_verifier.verify,
            path,
            note,
            key,
            previous="",
            checkpoints="",
            receipts=None,
            whole=False,
        )
        assert found["verdict"] == "verified", found

    floors, ours = await _in_turn(hash_each_line, check)
    return _rate("offline verification", ours, floors, VERIFY_REACH)


def _hash_each_line(path: Path) -> None:
    with path.open("rb") as lines:
        for line in lines:
            sha256(line).digest()


async def _proofs(history: Log) -> list[Measure]:
    """Sequentially over one raw connection, spread over the whole log.

    A client library would take a third of the measured time.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", history.served.port)
    milliseconds = []
    for place in range(PROOFS):
        asking = (
            f"GET /log/proof/{EVENTS * place // PROOFS} HTTP/1.1\r\n"
            f"Host: bench\r\nAuthorization: Bearer {AUDITOR}\r\n\r\n"
        )
        began = perf_counter()
        writer.write(asking.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = _CONTENT_LENGTH.search(head)
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert length is not None, head
        await reader.readexactly(int(length[1]))
        milliseconds.append((perf_counter() - began) * 1000)
    writer.close()
    await writer.wait_closed()
    value = median(milliseconds)
    return [Measure(measure="proof", value=value, unit="ms", reach=PROOF_MILLISECONDS_MAX)]


async def _pages(history: Log) -> Measure:
    """A hundred events from the middle of the log, by each filter and by all; the slowest."""
    filters = ("actor=member/5", f"subject=integration/{FILTERED}", "type=TokenRevoked", PERIOD)
    milliseconds = []
    async with _session(history) as session:
        for query in (*filters, "&".join(filters), ""):
            began = perf_counter()
            path = f"/events?after={EVENTS // 2}&limit=100&{query}".rstrip("&")
            async with session.get(path) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
            milliseconds.append((perf_counter() - began) * 1000)
    return Measure(measure="a page by any filter", value=max(milliseconds), unit="ms")


async def _appends(history: Log) -> Measure:
    """With four concurrent writers. Reported without a limit."""
    milliseconds: list[float] = []

    async def write(stream: int) -> None:
        url = history.role_url("pushgate_tokens")
        connection = await connect(url, application_name="bench")
        for _ in range(APPENDS_A_WRITER):
            began = perf_counter()
            await _rename(connection, stream)
            milliseconds.append((perf_counter() - began) * 1000)
        await connection.close()

    await asyncio.gather(*(write(stream) for stream in range(1, WRITERS + 1)))
    p99 = quantiles(milliseconds, n=100)[98]
    return Measure(measure="append, p99 of four writers at once", value=p99, unit="ms")


async def _rename(connection: AnyConnection, stream: int) -> None:
    fact = IntegrationRenamed(display_name="Renamed")
    await log.append(
        connection,
        f"integration/{stream}",
        None,
        [fact],
        command_id=new_command_id(),
        actor="system",
    )


async def _download(history: Log, path: str, file: Path) -> None:
    async with _session(history) as session, session.get(path) as answer:
        assert answer.status == 200, await answer.text()
        with file.open("wb") as out:
            async for chunk in answer.content.iter_any():
                out.write(chunk)


def _session(history: Log) -> aiohttp.ClientSession:
    headers = {"Authorization": f"Bearer {AUDITOR}"}
    return aiohttp.ClientSession(history.url, headers=headers, read_bufsize=1 << 20)


async def _nowhere(_: bytes) -> None:
    pass


async def _in_turn(
    floor: Callable[[], Awaitable[object]], ours: Callable[[], Awaitable[object]]
) -> tuple[list[float], list[float]]:
    """Seconds of each, alternating so that both run under the same conditions."""
    rounds = [(await _seconds(floor), await _seconds(ours)) for _ in range(ROUNDS)]
    return [floor for floor, _ in rounds], [ours for _, ours in rounds]


async def _seconds(run: Callable[[], Awaitable[object]]) -> float:
    began = perf_counter()
    await run()
    return perf_counter() - began


def _rate(name: str, ours: list[float], floors: list[float], reach: float) -> Measure:
    return Measure(
        measure=f"{name}, {EVENTS:,} events",
        value=EVENTS / median(ours),
        unit="events/s",
        floor=EVENTS / median(floors),
        reach=reach,
    )
