"""What each answer of the gate does to what waits in an outbox."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from protocol.transit import decode
from pushgate_client import (
    BATCH,
    PUSH,
    TRANSIT,
    Delivery,
    Entry,
    Happening,
    Held,
    Outbox,
    Resumed,
    SetAside,
    WasSetAside,
)
from tests.client.gate import (
    INVALID_REGION,
    NOT_ACTIVE,
    NOT_AUTHENTICATED,
    NOT_AUTHORIZED,
    TOO_LARGE,
    UNAVAILABLE,
    WRONG_CLIENT,
    Gate,
    refused,
)
from tests.client.made import entry, ids_of, record
from tests.eventually import eventually
from tests.protocol.transit_writer import compact

IDS = tuple(range(16))


class Told(list[Happening]):
    def of(self, kind: type) -> list[Any]:
        return [each for each in self if isinstance(each, kind)]


@contextlib.asynccontextmanager
async def _sending(
    directory: Path, gate: Gate, *entries: Entry, told: Told | None = None, **more: Any
) -> AsyncIterator[Outbox]:
    async with Outbox.open(directory) as outbox:
        for each in entries:
            await outbox.append(each)
        happened = (Told() if told is None else told).append
        arguments = {"token": lambda: gate.token, **more}
        async with Delivery(outbox, url=gate.url, happened=happened, **arguments):
            yield outbox


async def _sent(directory: Path, gate: Gate, *entries: Entry, **more: Any) -> list[SetAside]:
    """Until nothing waits; returns what was set aside."""
    async with _sending(directory, gate, *entries, **more) as outbox:
        async with asyncio.timeout(20):
            await outbox.emptied()
        return await outbox.set_aside_entries()


async def test_what_is_accepted_is_done(tmp_path: Path) -> None:
    async with Gate() as gate:
        assert await _sent(tmp_path, gate, entry(*IDS), entry(99)) == []

    assert gate.taken.keys() == {*IDS, 99}


@pytest.mark.parametrize("answer", [NOT_AUTHORIZED, INVALID_REGION, NOT_ACTIVE])
async def test_a_token_that_does_not_work_holds_everything_until_one_does(
    tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    told = Told()
    async with Gate() as gate:
        gate.script = lambda _number, _body: ... if gate.tokens[-1] == "new" else answer
        async with _sending(tmp_path, gate, *(entry(id_) for id_ in IDS), told=told) as outbox:
            await _until(lambda: bool(told.of(Held)))
            held = outbox.counts()
            gate.token = "new"
            async with asyncio.timeout(20):
                await outbox.emptied()

    assert (held.held, held.set_aside) == (len(IDS), 0)
    assert held.why is not None
    assert "401" in held.why
    assert gate.taken.keys() == set(IDS)
    assert told.of(Resumed)


async def test_while_everything_is_held_one_request_tries_for_all(tmp_path: Path) -> None:
    async with Gate(lambda _number, _body: NOT_AUTHORIZED) as gate:
        async with _sending(tmp_path, gate, *(entry(id_) for id_ in IDS), connections=8):
            await _until(lambda: max(Counter(gate.bodies).values(), default=0) == 3)

        assert sorted(Counter(gate.bodies).values())[:-1] == [1] * (len(set(gate.bodies)) - 1)


@pytest.mark.parametrize("answer", [NOT_AUTHENTICATED, WRONG_CLIENT])
async def test_a_doubtful_answer_is_believed_the_second_time(
    tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    async with Gate(lambda _number, _body: answer) as gate:
        (aside,) = await _sent(tmp_path, gate, entry(*IDS))

    assert len(gate.bodies) == 2
    assert (aside.status, aside.reason) == (answer[0], answer[1].decode())
    assert ids_of(aside.entry.body) == list(IDS)


async def test_a_doubtful_answer_is_forgotten_when_the_new_token_works(tmp_path: Path) -> None:
    async with Gate(lambda number, _body: WRONG_CLIENT if number == 0 else ...) as gate:
        assert await _sent(tmp_path, gate, entry(*IDS)) == []


@pytest.mark.parametrize("answer", [UNAVAILABLE, (500, b""), (504, b"{}"), (408, b""), None])
async def test_what_may_pass_is_sent_again_byte_for_byte(
    tmp_path: Path, answer: tuple[int, bytes] | None
) -> None:
    async with Gate(lambda number, _body: answer if number < 2 else ...) as gate:
        assert await _sent(tmp_path, gate, entry(*IDS)) == []

    assert len(gate.bodies) == 3
    assert len(set(gate.bodies)) == 1


async def test_a_gate_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    async with Gate() as gate:
        url = gate.url
    told = Told()
    async with Outbox.open(tmp_path) as outbox:
        await outbox.append(entry(1))
        async with Delivery(outbox, url=url, token="t", happened=told.append):
            await _until(lambda: bool(told.of(Held)))

        assert outbox.counts().waiting == 1
    assert "can't be reached" in str(told.of(Held)[0].answer)


async def test_only_the_record_at_fault_is_set_aside(tmp_path: Path) -> None:
    async with Gate() as gate:
        gate.bad = {5}
        told = Told()
        (aside,) = await _sent(tmp_path, gate, entry(*IDS), told=told)

    assert gate.taken == {id_: id_ for id_ in IDS if id_ != 5}
    assert ids_of(aside.entry.body) == [5]
    assert (aside.status, aside.from_id) == (422, 1)
    assert "data must include keys" in aside.reason
    assert [ids_of(each.part.body) for each in told.of(WasSetAside)] == [[5]]


async def test_splitting_asks_no_more_than_it_must(tmp_path: Path) -> None:
    """A half is known to hold the fault when the other half went through: it is not sent whole."""
    records = 1_024
    async with Gate() as gate:
        gate.bad = {records - 1}
        await _sent(tmp_path, gate, entry(*range(records)))

    assert len(gate.bodies) == 1 + 10 + 1  # the whole, ten halves that are good, and the record


async def test_several_records_at_fault_are_all_found(tmp_path: Path) -> None:
    bad = {0, 7, 300, 301, 999}
    async with Gate() as gate:
        gate.bad = bad
        asides = await _sent(tmp_path, gate, entry(*range(1_000)))

    assert [ids_of(each.entry.body) for each in asides] == [[id_] for id_ in sorted(bad)]
    assert gate.taken.keys() == set(range(1_000)) - bad


async def test_when_every_record_has_a_reason_none_is_asked_about_again(tmp_path: Path) -> None:
    async with Gate() as gate:
        gate.bad = set(IDS)
        asides = await _sent(tmp_path, gate, entry(*IDS))

    assert len(gate.bodies) == 1
    assert [ids_of(each.entry.body) for each in asides] == [[id_] for id_ in IDS]


async def test_what_is_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    async with Gate(lambda _number, body: TOO_LARGE if len(ids_of(body)) > 4 else ...) as gate:
        assert await _sent(tmp_path, gate, entry(*IDS)) == []

    assert gate.taken.keys() == set(IDS)


@pytest.mark.parametrize("answer", [(415, b"no"), (413, b"{}")])
async def test_what_can_never_be_sent_is_set_aside(
    tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    async with Gate(lambda _number, _body: answer) as gate:
        (aside,) = await _sent(tmp_path, gate, entry(1))

    assert (aside.status, len(gate.bodies)) == (answer[0], 1)


async def test_an_address_where_nothing_listens_to_pushes_holds(tmp_path: Path) -> None:
    told = Told()
    async with (
        Gate(lambda _number, _body: (404, b"Not Found")) as gate,
        _sending(tmp_path, gate, entry(1), told=told) as outbox,
    ):
        await _until(lambda: bool(told.of(Held)))

        assert outbox.counts().set_aside == 0


def _batch(*ids: int) -> Entry:
    messages = [{"action": "upsert", "sequence": id_, "data": {"id": id_}} for id_ in ids]
    body = orjson.dumps({"table_name": "t", "schema": {}, "messages": messages})
    return Entry(endpoint=BATCH, tables=("t",), body=body, records=len(ids), created=1)


async def test_a_batch_is_halved_by_its_messages(tmp_path: Path) -> None:
    async with Gate() as gate:
        gate.bad = {5}
        gate.script = lambda _number, body: _conforming(body, gate)
        (aside,) = await _sent(tmp_path, gate, _batch(*IDS))

    assert gate.taken.keys() == set(IDS) - {5}
    assert orjson.loads(aside.entry.body) == orjson.loads(_batch(5).body)


async def test_the_parts_of_a_batch_have_names_of_their_own(tmp_path: Path) -> None:
    """Else of two equal messages without keys, each sent alone, the gate takes one."""
    async with Gate() as gate:
        gate.bad = {5}
        gate.script = lambda _number, body: _conforming(body, gate)
        for name in ("once", "again"):
            await _sent(tmp_path / name, gate, _batch(1, 1, 5))
        await _sent(tmp_path / "named", gate, replace(_batch(1, 1, 5), idempotency_key="x"))
        first, again, named = (gate.names[at : at + 4] for at in (0, 4, 8))

    assert [first[0], named[0]] == [None, "x"]
    assert first == again
    assert len({*first, *named}) == len(first) + len(named) == 8


async def test_a_large_schema_is_not_kept_once_for_every_record_at_fault(
    tmp_path: Path,
) -> None:
    batch, schema = _batch(*range(24)), b'{"description":"%b"}' % (b"x" * 100_000)
    batch = replace(batch, body=batch.body.replace(b'"schema":{}', b'"schema":' + schema))
    bad = set(range(24)) - {7, 19}

    async with Gate() as gate:
        gate.bad = bad
        gate.script = lambda _number, body: _conforming(body, gate)
        aside = await _sent(tmp_path, gate, batch)
    messages = [orjson.loads(each.entry.body)["messages"] for each in aside]

    assert gate.taken.keys() == {7, 19}
    assert sorted(each["data"]["id"] for some in messages for each in some) == sorted(bad)
    assert sum(each.entry.records for each in aside) == len(bad)
    assert sum(len(each.entry.body) for each in aside) <= 1_000_000
    assert all("did not conform" in each.reason for each in aside)


async def test_a_name_that_was_used_for_something_else_sets_aside_and_takes_nothing_apart(
    tmp_path: Path,
) -> None:
    reused = b'{"error":"Idempotency-Key was used before with a different body"}'
    async with Gate(lambda _number, _body: (400, reused)) as gate:
        (aside,) = await _sent(tmp_path, gate, replace(entry(*IDS), idempotency_key="x"))

    assert (len(gate.bodies), aside.entry.records) == (1, len(IDS))
    assert aside.entry.idempotency_key == "x"


async def test_of_equal_records_at_fault_each_is_set_aside(tmp_path: Path) -> None:
    """A batch without keys may say the same twice, and both are somebody's."""
    async with Gate() as gate:
        gate.bad = {5}
        aside = await _sent(tmp_path, gate, _batch(1, 5, 5))

    assert [orjson.loads(each.entry.body)["messages"][0]["data"]["id"] for each in aside] == [5, 5]


def _conforming(body: bytes, gate: Gate) -> Any:
    ids = [each["data"]["id"] for each in orjson.loads(body)["messages"]]
    wrong = [at for at, id_ in enumerate(ids) if id_ in gate.bad]
    error = f"Record {wrong[0]} did not conform to schema: #/id" if wrong else ""
    return (400, orjson.dumps({"error": error})) if wrong else ...


@pytest.mark.parametrize(
    "error",
    [
        "Invalid JSON schema: unknown type: [foo]",
        "Request failed validation:#: extraneous key [foo] is not permitted",
        "Request failed validation:#/schema: expected type: JSONObject, found: JSONArray",
    ],
)
async def test_a_fault_around_the_messages_sets_the_batch_aside_at_once(
    tmp_path: Path, error: str
) -> None:
    async with Gate(lambda _number, _body: (400, orjson.dumps({"error": error}))) as gate:
        (aside,) = await _sent(tmp_path, gate, _batch(*IDS))

    assert (len(gate.bodies), aside.entry.records) == (1, len(IDS))


async def test_a_body_that_can_not_be_halved_is_set_aside_whole(tmp_path: Path) -> None:
    async with Gate(lambda _number, _body: refused(1)) as gate:
        unknown = replace(entry(*IDS), media_type="application/x-unknown")
        (aside,) = await _sent(tmp_path, gate, unknown)

    assert aside.entry == unknown


async def test_of_transit_only_the_record_at_fault_is_set_aside(tmp_path: Path) -> None:
    async with Gate() as gate:
        gate.bad = {5}
        transit = Entry(PUSH, ("things",), compact([record(id_) for id_ in IDS]), 16, 1, TRANSIT)
        gate.script = lambda _number, body: gate.as_the_real_one(decode(body))
        (aside,) = await _sent(tmp_path, gate, transit)

    assert gate.taken.keys() == set(IDS) - {5}
    assert decode(aside.entry.body) == [record(5)]


async def test_what_was_not_answered_is_sent_by_the_next_process(tmp_path: Path) -> None:
    async with Gate(lambda _number, _body: UNAVAILABLE) as gate:
        async with _sending(tmp_path, gate, *(entry(id_) for id_ in IDS)):
            await _until(lambda: len(gate.bodies) >= 4)
        gate.script = lambda _number, _body: ...
        await _sent(tmp_path, gate)

    assert gate.taken.keys() == set(IDS)


async def _until(so: Callable[[], bool]) -> None:
    async def ask() -> bool:
        return so()

    await eventually(ask)
