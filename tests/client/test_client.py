"""PushClient, with an outbox and without, and its face for scripts."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from pushgate_client import (
    Answer,
    BlockingPushClient,
    GaveUp,
    Held,
    Options,
    OutboxView,
    PushClient,
    RecordUnusable,
    Refused,
    TokenFile,
)
from pushgate_client.limits import BODY_BYTES_MAX
from tests.client.gate import NOT_AUTHORIZED, UNAVAILABLE, Gate, refused
from tests.client.made import ids_of

IDS = range(2_500)
ROWS = [{"id": id_} for id_ in IDS]


def _client(gate: Gate, **more: Any) -> PushClient:
    return PushClient(gate.url, **{"token": gate.token, "client_id": 1, **more})


async def test_without_an_outbox_a_push_returns_when_the_gate_has_it() -> None:
    async with Gate() as gate, _client(gate) as client:
        pushed = await client.push("things", ROWS, keys=["id"])

        assert (pushed.records, pushed.requests) == (len(ROWS), 3)
        assert gate.taken.keys() == set(IDS)


async def test_with_an_outbox_a_push_returns_when_it_is_on_disk(tmp_path: Path) -> None:
    options = Options(linger_seconds=0)
    async with (
        Gate(lambda _number, _body: UNAVAILABLE) as gate,
        _client(gate, outbox=tmp_path, options=options) as client,
    ):
        pushed = await client.push("things", ROWS, keys=["id"])

    assert pushed.entries == [1, 2, 3]
    counts = await asyncio.to_thread(OutboxView(tmp_path).counts)
    assert counts.waiting_records == len(ROWS)


async def test_each_record_says_what_the_gate_must_know() -> None:
    async with Gate() as gate, _client(gate) as client:
        await client.push("things", [{"id": 1, "a": Decimal("1.10")}], keys=["id"])
        (record,) = orjson.loads(gate.bodies[0])

    assert record.pop("sequence") > 1_700_000_000_000_000_000
    assert record == {
        "client_id": 1,
        "table_name": "things",
        "action": "upsert",
        "key_names": ["id"],
        "data": {"id": 1, "a": 1.1},
    }
    assert b"1.10" in gate.bodies[0]


async def test_texts_of_records_are_passed_on_untouched() -> None:
    async with Gate() as gate, _client(gate) as client:
        await client.push("things", [b'{"id": 1, "a": 1.000e5}'], keys=["id"])

    assert b'"data":{"id": 1, "a": 1.000e5}}' in gate.bodies[0]


async def test_later_records_have_greater_sequences() -> None:
    async with Gate() as gate, _client(gate, options=Options(connections=1)) as client:
        for _ in range(3):
            await client.push("things", ROWS[:10], keys=["id"])

    sequences = [each["sequence"] for body in gate.bodies for each in orjson.loads(body)]
    assert sequences == sorted(set(sequences))


class ClockThatGoesBack:
    """Each look is a second earlier."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000_000

    def nanoseconds(self) -> int:
        self.now -= 1_000_000_000
        return self.now

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


async def test_sequences_grow_though_the_clock_goes_back_between_processes(tmp_path: Path) -> None:
    clock = ClockThatGoesBack()
    async with Gate() as gate:
        for _ in range(3):
            options = Options(clock=clock, linger_seconds=10)
            async with _client(gate, outbox=tmp_path, options=options) as client:
                await client.push("things", ROWS[:10], keys=["id"])
                await client.emptied()

    sequences = [each["sequence"] for body in gate.bodies for each in orjson.loads(body)]
    assert sequences == sorted(set(sequences))


async def test_what_is_refused_without_an_outbox_is_named() -> None:
    async with Gate() as gate, _client(gate) as client:
        gate.bad = {1_234}
        with pytest.raises(Refused, match="1 record was refused, 2,499 are stored") as refusal:
            await client.push("things", ROWS, keys=["id"])

    assert ids_of(refusal.value.faults[0].part.body) == [1_234]
    assert gate.taken.keys() == set(IDS) - {1_234}


async def test_without_an_outbox_a_token_that_does_not_work_is_told_at_once() -> None:
    async with Gate(lambda _number, _body: NOT_AUTHORIZED) as gate, _client(gate) as client:
        with pytest.raises(Refused, match="401"):
            await client.push("things", ROWS[:1], keys=["id"])


async def test_without_an_outbox_a_gate_that_is_away_is_given_up() -> None:
    options = Options(give_up_seconds=0.5)
    async with (
        Gate(lambda _number, _body: UNAVAILABLE) as gate,
        _client(gate, options=options) as client,
    ):
        with pytest.raises(GaveUp, match="503"):
            await client.push("things", ROWS[:1], keys=["id"])


@pytest.mark.parametrize(
    ("record", "reason"),
    [({"id": object()}, "Record 1 can't be sent"), ({"id": "x" * BODY_BYTES_MAX}, "bytes long")],
)
async def test_a_record_that_can_not_be_written_is_named_and_those_before_are_in(
    record: dict[str, Any], reason: str
) -> None:
    async with Gate() as gate, _client(gate) as client:
        with pytest.raises(RecordUnusable, match=reason) as unusable:
            await client.push("things", [{"id": 0}, record, {"id": 2}], keys=["id"])

        assert unusable.value.index == 1
        assert set(gate.taken) == {0}


async def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    async with Gate() as gate:
        outbox = tmp_path / "outbox"
        async with _client(gate, token=TokenFile(file), outbox=outbox) as client:
            await client.push("things", ROWS[:1], keys=["id"])
            file.write_text("good and longer\n")
            gate.token = "good and longer"
            await client.emptied()

    assert gate.tokens[-1] == "good and longer"


def test_a_client_id_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUSHGATE_CLIENT_ID", raising=False)

    with pytest.raises(ValueError, match="set PUSHGATE_CLIENT_ID"):
        PushClient("http://127.0.0.1:1", token="t")


async def test_a_script_pushes_without_async(tmp_path: Path) -> None:
    def script(url: str) -> int:
        with BlockingPushClient(url, token="good", client_id=1, outbox=tmp_path) as client:
            client.push("things", ROWS, keys=["id"])
            client.wait_until_emptied()
            return client.counts().sent_records

    async with Gate() as gate:
        assert await asyncio.to_thread(script, gate.url) == len(ROWS)
    assert gate.taken.keys() == set(IDS)


async def test_no_token_stands_in_what_a_source_shows_of_itself() -> None:
    async with Gate(lambda _number, _body: refused(1)) as gate:
        client = _client(gate, token="at_secret")

        assert "at_secret" not in repr(vars(client))


async def test_a_callback_that_fails_for_a_while_holds_and_then_all_is_sent(
    tmp_path: Path,
) -> None:
    answers = iter([ConnectionError(), ConnectionError(), ConnectionError(), ConnectionError()])
    held: list[object] = []

    def ask() -> str:
        for answer in answers:
            raise answer
        return "good\n"

    options = Options(happened=held.append)
    async with (
        Gate() as gate,
        _client(gate, token=ask, outbox=tmp_path, options=options) as client,
    ):
        await client.push("things", ROWS[:1], keys=["id"])
        await client.emptied()

    assert gate.taken.keys() == {0}
    assert held[0] == Held(Answer(None, "The callback failed: ConnectionError."))


async def test_what_ended_the_sending_is_raised_by_the_next_push(tmp_path: Path) -> None:
    """Otherwise an app goes on pushing for days, and nothing is ever sent."""

    def happened(_: object) -> None:
        raise ZeroDivisionError

    async def push_on(client: PushClient) -> None:
        for _ in range(500):
            await client.push("things", ROWS[:1], keys=["id"])

    async with Gate() as gate:
        client = _client(gate, outbox=tmp_path, options=Options(happened=happened))
        await client.__aenter__()
        with pytest.raises(ZeroDivisionError):
            await push_on(client)
        with pytest.raises(ZeroDivisionError):
            await client.__aexit__(None, None, None)
