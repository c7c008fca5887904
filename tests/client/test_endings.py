"""However a client is left, nothing of it stays: no lock, no task, no thread that hangs."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from pushgate_client import BlockingPushClient, ClientClosed, Options, Outbox, PushClient
from tests.client.gate import UNAVAILABLE, Gate
from tests.rounds import rounds

ROW = [{"id": 1}]
# At how many places of its life it is cancelled: these many turns of the loop apart.
PLACES = range(0, rounds(small=240, full=900), rounds(small=12, full=1))


@pytest.mark.parametrize("again_after", [None, 1], ids=["once", "twice"])
async def test_cancelled_anywhere_it_lets_go_of_its_outbox_and_loses_nothing(
    quick_path: Path, again_after: int | None
) -> None:
    async with Gate() as gate:
        for place in PLACES:
            pushed: list[int] = []
            directory = quick_path / str(place)
            life = asyncio.create_task(_life(gate, directory, pushed))
            await _turns(place)
            life.cancel()
            if again_after is not None:
                await _turns(again_after)
                life.cancel()
            await asyncio.wait({life})

            async with Outbox.open(directory) as outbox:
                counts = outbox.counts()
            assert counts.waiting + counts.sent >= len(pushed)


async def _life(gate: Gate, directory: Path, pushed: list[int]) -> None:
    options = Options(linger_seconds=0)
    async with PushClient(
        gate.url, token="good", client_id=1, outbox=directory, options=options
    ) as client:
        for number in range(3):
            await client.push("things", [{"id": number}], keys=["id"])
            pushed.append(number)


async def _turns(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


async def test_who_waits_when_it_is_closed_is_told_so(tmp_path: Path) -> None:
    async with Gate(lambda _number, _body: UNAVAILABLE) as gate:
        client = PushClient(gate.url, token="good", client_id=1, outbox=tmp_path)
        async with client:
            await client.push("things", ROW, keys=["id"])
            waiting = asyncio.create_task(client.emptied())
            await client.__aexit__(RuntimeError, None, None)

        with pytest.raises(ClientClosed):
            await waiting
        with pytest.raises(ClientClosed, match="inside its block"):
            await client.push("things", ROW, keys=["id"])


def _script(**more: Any) -> BlockingPushClient:
    return BlockingPushClient("http://127.0.0.1:1", token="t", client_id=1, **more)


def test_a_script_that_pushes_outside_of_the_block_is_told_so(tmp_path: Path) -> None:
    client = _script(outbox=tmp_path)
    with pytest.raises(ClientClosed, match="inside its block"):
        client.push("things", ROW, keys=["id"])
    with client:
        pass
    with pytest.raises(ClientClosed):
        client.push("things", ROW, keys=["id"])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_neither_hangs_nor_holds_the_outbox(tmp_path: Path) -> None:
    options = Options(linger_seconds=0)
    with _script(outbox=tmp_path, options=options) as client:
        told, tells = os.pipe()
        child = os.fork()
        if not child:
            _tell_what_a_push_says(client, tells)
        os.close(tells)
        with os.fdopen(told, "rb") as hearing:
            said = hearing.readline()
    # The child lives still.
    with _script(outbox=tmp_path, options=options):
        pass
    os.kill(child, 9)
    os.waitpid(child, 0)

    assert said == b"ClientClosed\n"


def _tell_what_a_push_says(client: BlockingPushClient, tells: int) -> None:
    """And then stays until it is killed."""
    try:
        client.push("things", ROW, keys=["id"])
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test's process must not go on here
        os.write(tells, type(error).__name__.encode() + b"\n")
    while True:
        os.read(os.pipe()[0], 1)


class _Interrupted(BlockingPushClient):
    """By Ctrl-C while it closes, as in a notebook, where the process goes on."""

    def _run(self, work: Any) -> Any:
        if work.__name__ != "__aexit__":
            return super()._run(work)
        asyncio.run_coroutine_threadsafe(work, self._loop).cancel()
        raise KeyboardInterrupt


def test_a_script_interrupted_while_it_closes_lets_go_of_its_outbox(tmp_path: Path) -> None:
    options = Options(linger_seconds=0)
    arguments = {"token": "t", "client_id": 1, "outbox": tmp_path, "options": options}
    client = _Interrupted("http://127.0.0.1:1", **arguments)
    with pytest.raises(KeyboardInterrupt), client:
        client.push("things", ROW, keys=["id"])

    with _script(outbox=tmp_path, options=options) as another:
        assert another.counts().waiting == 1
