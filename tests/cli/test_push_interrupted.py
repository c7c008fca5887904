"""A push through an outbox that is full, or that somebody ends: every record is accounted for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from cli.push.outbox import Items, OutboxPush, push_through_outbox
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushRequest
from pushgate_client import FixedToken, OutboxView
from pushgate_client.records import InvalidRecord
from services.runtime.clock import SystemClock
from tests.cli.gate import ScriptedGate
from tests.eventually import eventually

NOT_AUTHORIZED = (401, '{"message":"Not Authorized"}')
BODY_BYTES = 50_000
REQUESTS = 20
OUTBOX_BYTES = 500_000
ENDED_SECONDS_MAX = 20
# `python -m cli`; whoever runs tests in the background has Ctrl-C switched off, for all they start.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cli.__main__ import main
sys.exit(main())
"""


def requests(_first_sequence: int) -> Iterator[PushRequest | InvalidRecord]:
    body = b'[{"v":"%b"}]' % (b"x" * BODY_BYTES)
    for number in range(1, REQUESTS + 1):
        yield PushRequest(range(number, number + 1), body)


def way(gate: ScriptedGate, directory: Path, notices: list[str], **more: Any) -> OutboxPush:
    return OutboxPush(
        url=gate.url,
        token=FixedToken("at_revoked"),
        directory=directory,
        table="t",
        bytes_max=OUTBOX_BYTES,
        notice=notices.append,
        **more,
    )


def of(report: Report, *outcomes: PushOutcome) -> list[int]:
    """The numbers of the records that came to this, of those that are counted."""
    return [
        number
        for problem in report.problems
        if problem.outcome in outcomes and problem.last is not None
        for number in range(problem.first, problem.last + 1)
    ]


async def test_a_full_outbox_is_told_and_ends_the_push_after_a_while(tmp_path: Path) -> None:
    notices: list[str] = []
    async with ScriptedGate(lambda *_: NOT_AUTHORIZED) as gate:
        report = await push_through_outbox(
            way(gate, tmp_path, notices, full_seconds=1.5),
            requests,
            clock=SystemClock(),
            counts_rest=True,
        )
    waiting = (await asyncio.to_thread(OutboxView(tmp_path).counts)).waiting
    held, unsent = of(report, PushOutcome.ON_HOLD), of(report, PushOutcome.UNSENT)

    assert len(held) == waiting > 0
    assert sorted([*held, *unsent]) == list(range(1, REQUESTS + 1))
    assert "outbox is full" in report.merged()[-1].reason
    assert "Not Authorized" in report.merged()[-1].reason
    (notice,) = notices
    assert "401: " in notice
    assert "Waiting up to 1.5 s" in notice


async def test_a_push_that_is_ended_while_the_outbox_is_full_tells_what_it_holds(
    tmp_path: Path,
) -> None:
    notices: list[str] = []
    async with ScriptedGate(lambda *_: NOT_AUTHORIZED) as gate:
        pushing = asyncio.create_task(
            push_through_outbox(way(gate, tmp_path, notices), requests, clock=SystemClock())
        )

        async def is_told() -> bool:
            return bool(notices)

        await eventually(is_told)
        pushing.cancel()
        report = await pushing
    waiting = (await asyncio.to_thread(OutboxView(tmp_path).counts)).waiting
    held, unsent = of(report, PushOutcome.ON_HOLD), of(report, PushOutcome.UNSENT)

    assert report.interrupted
    assert len(held) == waiting > 0
    # What had no room, and the rest, which was not read.
    assert [*held, *unsent] == list(range(1, len(held) + len(unsent) + 1))
    rest = report.merged()[-1]
    assert (rest.outcome, rest.first, rest.last) == (PushOutcome.UNSENT, len(held) + 1, None)


async def test_a_full_outbox_that_empties_goes_on(tmp_path: Path) -> None:
    notices: list[str] = []
    items: Items = requests
    async with ScriptedGate(lambda n, _: NOT_AUTHORIZED if n < 4 else (201, "{}")) as gate:
        report = await push_through_outbox(way(gate, tmp_path, notices), items, clock=SystemClock())

    assert (report.accepted, report.complete) == (REQUESTS, True)


class Pushing:
    """`pushgate push - --outbox DIR`, whose input goes on for as long as nobody ends it."""

    def __init__(self, gate: ScriptedGate, *options: str) -> None:
        self._gate = gate
        self._options = options
        self._process: Process | None = None

    async def started(self, given: bytes) -> Pushing:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", COMMAND, "push", "-", "--table", "t", "--key", "id"),
            *self._options,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={
                **os.environ,
                "PUSHGATE_IMPORT_URL": self._gate.url,
                "PUSHGATE_CLIENT_ID": "1",
                "PUSHGATE_TOKEN": "at_made_up",
            },
        )
        assert self._process.stdin is not None
        self._process.stdin.write(given)
        await self._process.stdin.drain()
        return self

    async def interrupted(self) -> tuple[int | None, bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(ENDED_SECONDS_MAX):
            output = await self._process.stdout.read()
            return await self._process.wait(), output


async def test_ctrl_c_prints_the_account_and_keeps_what_waits(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    given = b"".join(b'{"id": %d}\n' % number for number in range(1, 4))
    async with ScriptedGate(lambda *_: NOT_AUTHORIZED) as gate:
        options = ("--outbox", str(outbox), "--batch-records", "1", "--json")
        pushing = await Pushing(gate, *options).started(given)

        async def all_wait() -> bool:
            return (await asyncio.to_thread(OutboxView(outbox).counts)).held == 3

        await eventually(all_wait, seconds=30)
        exit_code, output = await pushing.interrupted()
    document = orjson.loads(output)

    assert exit_code == 130
    assert (document["accepted"], document["held"], document["set_aside"]) == (0, 3, 0)
    assert [(p["outcome"], p["first"], p["last"]) for p in document["problems"]] == [
        ("held", 1, 3),
        ("unsent", 4, None),
    ]
    assert (await asyncio.to_thread(OutboxView(outbox).counts)).waiting == 3


async def test_ctrl_c_without_an_outbox_tells_what_is_in() -> None:
    async with ScriptedGate(lambda *_: (201, "{}")) as gate:
        options = ("--batch-records", "1", "--json")
        pushing = await Pushing(gate, *options).started(b'{"id": 1}\n{"id": 2}\n')

        async def both_are_in() -> bool:
            return len(gate.bodies) == 2

        await eventually(both_are_in, seconds=30)
        exit_code, output = await pushing.interrupted()

    document = orjson.loads(output)
    *unknown, rest = document["problems"]

    assert exit_code == 130
    # An answer may have been under way just then.
    assert document["accepted"] + sum(problem["records"] for problem in unknown) == 2
    assert {problem["outcome"] for problem in unknown} <= {"unknown"}
    assert (rest["outcome"], rest["first"], rest["last"]) == ("unsent", 3, None)
    assert rest["reason"] == "the push was interrupted"
