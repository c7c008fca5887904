"""Ctrl-C while a script pushes: it ends, and what was acknowledged is on disk."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from pushgate_client import OutboxView
from tests.client.gate import UNAVAILABLE, Gate
from tests.client.made import ids_of

# Pushes for ever, and tells of each push that has returned. Whoever runs tests in the background
# has Ctrl-C switched off, for all that they start.
SCRIPT = """
import itertools, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pushgate_client import BlockingPushClient, Options

def rows():
    for number in itertools.count():
        yield {"id": number}

with BlockingPushClient(
    sys.argv[1], token="good", client_id=1, outbox=sys.argv[2], options=Options(linger_seconds=30)
) as client:
    for number in range(5):
        client.push("things", [{"id": number}], keys=["id"])
        print(number, flush=True)
    client.push("things", rows(), keys=["id"])
"""
ENDED_SECONDS_MAX = 20


@pytest.mark.parametrize("answer", [..., UNAVAILABLE], ids=["sending", "held up"])
async def test_an_endless_push_ends_and_keeps_what_it_acknowledged(
    tmp_path: Path, answer: object
) -> None:
    outbox = tmp_path / "outbox"
    async with Gate(lambda _number, _body: answer) as gate:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SCRIPT, gate.url, str(outbox)), stdout=PIPE, stderr=PIPE
        )
        assert process.stdout is not None
        for _ in range(5):
            await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(ENDED_SECONDS_MAX):
            _, errors = await process.communicate()
        waiting = await asyncio.to_thread(lambda: list(OutboxView(outbox).waiting()))

    assert process.returncode == -signal.SIGINT, errors.decode()
    kept = {record for each in waiting for record in ids_of(each.entry.body)}
    assert set(range(5)) <= kept | gate.taken.keys()
