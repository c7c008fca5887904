"""The main job on real data, each step checked: push, load, rotate the token, audit."""

import asyncio
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from cli.push.requests import PushRequest, PushSpec
from cli.temporary_installation import LocalInstallation
from demo import destination
from demo.checks import expect
from demo.flights import FLIGHTS_KEY, PLANES_KEY, FlightRow, flights, planes
from demo.pusher import DemoToken, Pusher
from demo.pushes import RepeatedPushes, row_requests
from services.runtime.clock import Clock
from services.runtime.config import Secret

INTEGRATION = "NYC Flights"
SCHEMA = "nyc_flights"
SAMPLED = 1_000
FLIGHTS_A_REQUEST = 1_000
# Small requests, so that many are in progress while the token is rotated.
PLANES_A_REQUEST = 10
UNAUTHORIZED = 401


def print_line(text: str) -> None:
    print(text, flush=True)


class Journey:
    """``flights_count``: how many of the flights, from the first on."""

    def __init__(
        self, system: LocalInstallation, archive: Path, *, flights_count: int, clock: Clock
    ) -> None:
        self._system = system
        self._archive = archive
        self._count = flights_count
        self._clock = clock
        self._pusher = Pusher(system, clock)
        self._sample: list[FlightRow] = []

    async def run(self) -> None:
        """Raises Mismatch at the first expectation that is not met."""
        created = await self._system.run_json("integrations", "create", INTEGRATION)
        expect("the schema name", created["schema_name"], SCHEMA)
        first = DemoToken(id=created["token"]["id"], text=Secret(created["token"]["access_token"]))
        print_line(f"\nIntegration {INTEGRATION}: schema {SCHEMA}, token {first.id}.")
        await self._push_flights(created["client_id"], first)
        await self._compare()
        before = await self._audit("before the rotation", [first.id])
        second = await self._rotate(created["client_id"], first)
        await self._audit("after the rotation", [second.id])
        await self._as_of_shows(before, [first.id])
        print_line(f"  As of event {before}, still: token {first.id}.")

    async def _push_flights(self, client_id: int, token: DemoToken) -> None:
        spec = PushSpec(
            client_id=client_id,
            table="flights",
            keys=FLIGHTS_KEY,
            sequence_from=1,
            records_max=FLIGHTS_A_REQUEST,
        )
        print_line(f"Reading {self._count:,} flights and pushing them ...")
        requests = await asyncio.to_thread(row_requests, self._flights(), spec)
        megabytes = sum(len(request.body) for request in requests) / 1_000_000
        began = self._clock.monotonic()
        report = await self._pusher.send(token, requests)
        pushed = self._clock.monotonic() - began
        expect("flights acknowledged", report.accepted, self._count)
        await self._pusher.until_loaded()
        loaded = self._clock.monotonic() - began
        print_line(
            f"  {len(requests):,} requests ({megabytes:,.0f} MB) were acknowledged in"
            f" {pushed:.1f} s: {self._count / pushed:,.0f} records/s."
        )
        print_line(
            f"  All were loaded {loaded - pushed:.1f} s later: {self._count / loaded:,.0f} rows/s"
            " from the first push to the last row."
        )

    def _flights(self) -> Iterator[FlightRow]:
        """Keeps a sample of the rows; the same one every time."""
        generator = random.Random(2013)  # noqa: S311 - nothing secret
        picked = set(generator.sample(range(self._count), min(SAMPLED, self._count)))
        for place, row in enumerate(islice(flights(self._archive), self._count)):
            if place in picked:
                self._sample.append(row)
            yield row

    async def _compare(self) -> None:
        installation = self._system.installation
        expect(
            "rows", await destination.count(installation, destination.COUNT_FLIGHTS), self._count
        )
        expect("rejected", await destination.count(installation, destination.COUNT_REJECTED), 0)
        wrong = await destination.differing(installation, self._sample, FLIGHTS_KEY)
        expect("sampled rows that differ from the source", wrong, [])
        print_line(
            f"  {self._count:,} rows are there; {len(self._sample):,} of them, picked at random,"
            " match the CSV file."
        )

    async def _rotate(self, client_id: int, old: DemoToken) -> DemoToken:
        """While pushing all the time: with the old token, then with the new one."""
        spec = PushSpec(
            client_id=client_id,
            table="planes",
            keys=PLANES_KEY,
            sequence_from=0,
            records_max=PLANES_A_REQUEST,
        )
        print_line("\nRotating the token while pushing ...")
        rounds = RepeatedPushes(list(planes(self._archive)), *PLANES_KEY, spec)
        async with self._pusher.push_in_background(old, rounds) as before:
            await before.wait_for_more()
            answer = await self._system.run_json("tokens", "rotate", INTEGRATION)
            await before.wait_for_more()
        expect("the old token's id", answer["old_id"], old.id)
        new = DemoToken(id=answer["id"], text=Secret(answer["access_token"]))
        async with self._pusher.push_in_background(new, rounds) as after:
            await after.wait_for_more()
            finished = await self._system.run_json("tokens", "rotate", INTEGRATION, "--finish")
            await after.wait_for_more()
        expect("the revoked token's id", finished["revoked_id"], old.id)
        expect("pushes not acknowledged", before.report.problems + after.report.problems, [])
        print_line(
            f"  {before.report.requests:,} pushes with token {old.id}, then"
            f" {after.report.requests:,} with token {new.id}: all acknowledged."
        )
        await self._push_with_the_old(rounds.next_request(), old, new)
        await self._nothing_was_lost(rounds)
        return new

    async def _push_with_the_old(
        self, request: PushRequest, old: DemoToken, new: DemoToken
    ) -> None:
        refused = await self._pusher.send(old, [request])
        statuses = [problem.status for problem in refused.problems]
        expect("answers to the revoked token", statuses, [UNAUTHORIZED])
        again = await self._pusher.send(new, [request])
        expect("records acknowledged when sent again", again.accepted, len(request.numbers))
        print_line(
            f"  Token {old.id} is revoked. Its next push is refused with 401"
            f" {refused.problems[0].reason};\n  sent again with token {new.id} it is acknowledged."
        )

    async def _nothing_was_lost(self, rounds: RepeatedPushes) -> None:
        await self._pusher.until_loaded()
        loaded = await destination.sequences_of_planes(self._system.installation)
        wrong = [key for key, sequence in rounds.newest.items() if loaded.get(key) != sequence]
        expect("planes that are not as last pushed", wrong, [])
        print_line(f"  No push was lost: all {len(rounds.newest):,} planes are as last pushed.")

    async def _audit(self, when: str, writers: list[int]) -> int:
        """Checks replay and as-of; returns the number of the last event."""
        replay = await self._system.run_json("audit", "replay")
        expect("differences", [replay["only_in_fold"], replay["only_in_table"]], [[], []])
        expect("receipts from when their tokens could not write", replay["receipts_outside"], [])
        now = int(replay["size"]) - 1
        await self._as_of_shows(now, writers)
        print_line(
            f"\nAudit {when}: {replay['size']} events replay to exactly the live tables.\n"
            f"  All of {replay['receipts_checked']:,} receipts are of tokens that could write.\n"
            f"  As of event {now}, token {writers[0]} could write."
        )
        return now

    async def _as_of_shows(self, number: int, writers: list[int]) -> None:
        answer = await self._system.run_json("audit", "as-of", str(number))
        expect(f"writers as of event {number}", [t["token_id"] for t in answer["tokens"]], writers)
