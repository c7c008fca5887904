"""What is done to a running stack. Every step is checked; the first that is wrong ends the run."""

import asyncio
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg

from cli.errors import CommandFailed
from cli.installation import find_installation
from cli.temporary_installation import LocalInstallation
from demo.checks import Mismatch, expect
from demo.flights import fetch_archive
from demo.journey import Journey
from demo.pusher import Pusher
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from tests.compose.canary import look_everywhere
from tests.compose.halting import halt_and_resume
from tests.compose.load import Account, Load
from tests.compose.stack import PROGRAMS, Stack, StackFailed
from tests.eventually import eventually

FLIGHTS = 20_000
INTEGRATION = "Load"
SCHEMA = "load"
# Lets somebody in, so that it may stand in no log; nobody was ever given this one.
ONE_TIME_LINK = "canary" * 8
NOT_FOUND = 404
PUSHES_BETWEEN = 60
PATIENCE_SECONDS = 90.0
ALL = ("postgres", *PROGRAMS, "caddy")


def main() -> int:
    stack = Stack(Path(sys.argv[1]))
    try:
        asyncio.run(Steps(stack).run())
    except (Mismatch, CommandFailed, StackFailed) as reason:
        print(f"test-compose: {reason}", file=sys.stderr)
        return 1
    return 0


def say(text: str) -> None:
    print(text, flush=True)


async def until(what: str, ask: Callable[[], Awaitable[bool]]) -> None:
    try:
        await eventually(ask, seconds=PATIENCE_SECONDS)
    except AssertionError as late:
        raise Mismatch(f"{what}: {late}") from late


class Steps:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._clock = SystemClock()

    @property
    def _system(self) -> LocalInstallation:
        """As ``run.json`` says now: a new container has a new address."""
        directory = self._stack.directory
        return LocalInstallation(
            data_dir=directory,
            installation=find_installation(str(directory), {}),
        )

    async def run(self) -> None:
        await self._only_caddy_can_be_reached()
        await self._caddy_answers_in_json()
        await Journey(
            self._system,
            await asyncio.to_thread(fetch_archive),
            flights_count=FLIGHTS,
            clock=self._clock,
        ).run()
        created = await self._system.run_json("integrations", "create", INTEGRATION)
        self._token = str(created["token"]["access_token"])
        load = Load(self._stack.url, self._token)
        for service in ALL:
            await self._killed_under(load, service)
        await self._a_crash_is_mended_under(load)
        await self._scaled_under(load)
        await self._restarted_under(load)
        await self._nothing_missing_or_double(load.account)
        await self._down_and_up(load)
        await self._audit()
        await self._halted_and_resumed(load)
        await self._audit()
        await look_everywhere(
            self._stack, [self._token, ONE_TIME_LINK, *await self._connect_tokens()]
        )
        say("No token, no password and no one-time link in any log, metric or table.")

    # --- the door ---

    async def _only_caddy_can_be_reached(self) -> None:
        published = {
            service: self._stack.inspect(container)["NetworkSettings"]["Ports"]
            for service in ALL
            for container in self._stack.containers(service)
        }
        open_ports = {
            service: [port for port, bound in ports.items() if bound]
            for service, ports in published.items()
        }
        expect(
            "published ports", {k: v for k, v in open_ports.items() if v}, {"caddy": ["443/tcp"]}
        )

    async def _caddy_answers_in_json(self) -> None:
        """Ours passes unchanged, plain text included; caddy's own is a JSON object."""
        context = ssl.create_default_context(cafile=str(self._stack.authority))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            push = f"{self._stack.url}/v2/import/push"
            async with session.get(push, headers={"X-Request-Id": "test-7"}) as answer:
                said = (answer.status, answer.content_type, await answer.text())
                expect("405 of ingest", said, (405, "text/plain", "Method not allowed."))
                expect("its request id", answer.headers["X-Request-Id"], "test-7")
            too_large = bytes(26_000_000)
            async with session.post(push, data=too_large) as answer:
                expect("26 MB", (answer.status, answer.content_type), (413, "application/json"))
            async with session.get(push, headers={"Host": "elsewhere.example"}) as answer:
                expect(
                    "another host", (answer.status, answer.content_type), (421, "application/json")
                )
            async with session.get(f"{self._stack.url}/link/{ONE_TIME_LINK}") as answer:
                expect("a link nobody made", answer.status, NOT_FOUND)
        say("TLS answers; programs' answers pass unchanged, caddy's own are JSON.")

    # --- kills ---

    async def _killed_under(self, load: Load, service: str) -> None:
        async with load.going_on() as account:
            await self._more_pushes(account)
            await asyncio.to_thread(self._stack.kill, service)
            await asyncio.to_thread(self._stack.up)
            await self._more_pushes(account)
        say(f"{service} killed under load, and back. Answers so far: {load.account.answers}")

    async def _a_crash_is_mended_under(self, load: Load) -> None:
        """Nobody starts it again but docker's own restart policy."""
        for program in ("ingest", "loader"):
            (container,) = self._stack.containers(program)
            before = self._stack.inspect(container)["RestartCount"]
            async with load.going_on() as account:
                await self._more_pushes(account)
                await asyncio.to_thread(self._stack.kill_from_inside, program)
                await self._more_pushes(account)
            after = self._stack.inspect(container)["RestartCount"]
            expect(f"{program} was started again by docker", after > before, wanted=True)
        say("A crashed program is started again without anybody's help.")

    async def _scaled_under(self, load: Load) -> None:
        async with load.going_on() as account:
            await self._more_pushes(account)
            await asyncio.to_thread(self._stack.up, "ingest=3", "loader=2")
            ingests = self._stack.containers("ingest")
            expect("ingests", len(ingests), 3)
            expect("loaders", len(self._stack.containers("loader")), 2)
            for container in ingests:
                await until("an ingest takes pushes", partial(self._takes_pushes, container))
        await asyncio.to_thread(self._stack.up)
        say("Three ingests took pushes side by side, with two loaders behind them.")

    async def _takes_pushes(self, container: str) -> bool:
        told = await asyncio.to_thread(self._stack.metrics, container)
        taken = [
            line for line in told.splitlines() if line.startswith("pushgate_ingest_records_total")
        ]
        return bool(taken) and float(taken[0].split()[-1]) > 0

    async def _restarted_under(self, load: Load) -> None:
        async with load.going_on() as account:
            await self._more_pushes(account)
            await asyncio.to_thread(self._stack.compose, "restart")
            await asyncio.to_thread(self._stack.up)
            await self._more_pushes(account)
        say("All restarted under load.")

    async def _down_and_up(self, load: Load) -> None:
        await self._stopped_in_order()
        await asyncio.to_thread(self._stack.down, forget=False)
        await asyncio.to_thread(self._stack.up)
        self._stack.write_run_file(
            self._system.installation.client_id(),
            self._system.installation.connect_token().reveal(),
        )
        expect("Connect tokens shown again", self._stack.logs("migrate").count("ac_"), 0)
        async with load.going_on() as account:
            await self._more_pushes(account)
        await self._nothing_missing_or_double(load.account)
        say("Down and up again on the same volumes.")

    async def _audit(self) -> None:
        """Over caddy, with the signed checkpoints that outlived every kill."""
        verified = await self._system.run_json("audit", "verify")
        expect("what the log is", verified["verdict"], "verified")
        replayed = await self._system.run_json("audit", "replay")
        expect("differences", [replayed["only_in_fold"], replayed["only_in_table"]], [[], []])
        expect("receipts outside", replayed["receipts_outside"], [])
        say(f"The log verifies to {verified['size']} facts, and replays to the live tables.")

    async def _halted_and_resumed(self, load: Load) -> None:
        """Somebody changed the log: no token is made until it is as it was signed."""

        async def push_some() -> None:
            async with load.going_on() as account:
                await self._more_pushes(account)

        reason = await halt_and_resume(self._stack, self._system, INTEGRATION, push_some)
        say(f"A changed log was halted ({reason}), took pushes, and was resumed when put back.")

    async def _stopped_in_order(self) -> None:
        """Every program hears the signal and ends by itself: -9 would leave 137 behind."""
        began = time.monotonic()
        await asyncio.to_thread(self._stack.compose, "stop")
        for service in PROGRAMS:
            (container,) = self._stack.containers(service)
            exit_code = self._stack.inspect(container)["State"]["ExitCode"]
            expect(f"exit code of {service} when stopped", exit_code, 0)
        say(f"All stopped in order within {time.monotonic() - began:.0f} s.")

    async def _more_pushes(self, account: Account) -> None:
        goal = len(account.acknowledged) + PUSHES_BETWEEN

        async def enough() -> bool:
            return len(account.acknowledged) >= goal

        await until("pushes are acknowledged", enough)

    # --- the account ---

    async def _nothing_missing_or_double(self, account: Account) -> None:
        installation = self._system.installation
        self._stack.write_run_file(installation.client_id(), installation.connect_token().reveal())
        await Pusher(self._system, self._clock).until_loaded()
        loaded = await self._rows()
        numbers = set(loaded)
        expect("acknowledged records that are missing", len(account.acknowledged - numbers), 0)
        expect("records that are there twice", [n for n, c in loaded.items() if c > 1], [])
        expect("refused records that are there", len(account.not_taken & numbers), 0)
        expect("answers that are no JSON object", account.unreadable, [])
        say(
            f"{len(account.acknowledged):,} acknowledged records, each there once;"
            f" {len(account.unknown & numbers)} of {len(account.unknown)} without an answer too;"
            f" none of {len(account.not_taken)} refused ones. Answers: {account.answers}"
        )

    async def _rows(self) -> dict[int, int]:
        connection = await asyncpg.connect(self._system.installation.destination_url().reveal())
        try:
            rows = await connection.fetch(
                f"SELECT n, count(*) FROM {SCHEMA}.{Load.TABLE} GROUP BY n"
            )
        finally:
            await connection.close()
        return dict(map(tuple, rows))

    async def _connect_tokens(self) -> list[str]:
        token: Secret = self._system.installation.connect_token()
        return [token.reveal()]


if __name__ == "__main__":
    sys.exit(main())
