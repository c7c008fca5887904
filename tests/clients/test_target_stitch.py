"""target-stitch 4.0.3 against the running system (wire contract 5.2, 5.4 and 7.8)."""

import itertools
import json
from pathlib import Path

from cli.connect_api import ConnectApi
from tests.cli.made import Made
from tests.clients.conftest import Tables
from tests.clients.environments import program
from tests.clients.recorder import BIG, UNAVAILABLE, Recorder
from tests.clients.singer import Target, activate, record, run, schema, state

ACCEPTED = b'{"status":"OK","message":"Batch Accepted!"}'
PEOPLE = [{"id": n, "name": f"Person {n}", "age": n * 1.5} for n in range(1, 41)]


async def test_cl_04_what_tap_jsonl_reads_is_in_the_table(
    target: Target, recorder: Recorder, tables: Tables, tmp_path: Path
) -> None:
    (tmp_path / "people.jsonl").write_text("".join(json.dumps(p) + "\n" for p in PEOPLE), "utf-8")
    config = tmp_path / "tap.json"
    config.write_text(
        json.dumps(
            {
                "path": str(tmp_path / "people.jsonl"),
                "stream_name": "people",
                "primary_keys": ["id"],
            }
        ),
        "utf-8",
    )
    lines, log, exit_code = await run(program("tap-jsonl", "tap-jsonl"), "--config", str(config))
    assert exit_code == 0, log
    ended = await target.reads(lines)

    assert ended.exit_code == 0, ended.log
    said = [json.loads(line) for line in lines.splitlines()]
    assert ended.states == [[m["value"] for m in said if m["type"] == "STATE"][-1]]
    assert set(recorder.statuses) == {201}
    assert {exchange.answer for exchange in recorder.exchanges} == {ACCEPTED}
    assert await tables.rows("people", "id", "name", "age") == [
        (p["id"], p["name"], p["age"]) for p in PEOPLE
    ]


async def test_versions_arrive_in_order_and_each_state_after_its_records(
    target: Target, recorder: Recorder, tables: Tables
) -> None:
    first, second = 1_700_000_000_000, 1_700_000_000_001
    ended = await target.takes(
        schema("users", "id", id="integer", name="string"),
        record("users", {"id": 0, "name": "goes"}, first),
        record("users", {"id": 1, "name": "old"}, first),
        activate("users", first),
        state({"version": first}),
        record("users", {"id": 1, "name": "new"}, second),
        record("users", {"id": 2, "name": "comes"}, second),
        activate("users", second),
        state({"version": second}),
    )

    assert ended.exit_code == 0, ended.log
    assert ended.states == [{"version": first}, {"version": second}]
    assert [
        (sent["table_version"], [message["action"] for message in sent["messages"]])
        for sent in (exchange.document for exchange in recorder.exchanges)
    ] == [
        (first, ["upsert", "upsert", "activate_version"]),
        (second, ["upsert", "upsert", "activate_version"]),
    ]
    assert recorder.statuses == [201, 201]
    assert await tables.rows("users", "id", "name") == [(1, "new"), (2, "comes")]


async def test_a_switch_alone_in_its_request_is_taken(
    target: Target, recorder: Recorder, tables: Tables
) -> None:
    """As it comes when a batch was full before it."""
    ended = await target.takes(
        schema("users", "id", id="integer"),
        *(record("users", {"id": n}, 5) for n in range(3)),
        activate("users", 5),
        state({"done": True}),
        options=("--max-batch-records", "3"),
    )

    assert (ended.exit_code, ended.states) == (0, [{"done": True}]), ended.log
    assert [len(exchange.document["messages"]) for exchange in recorder.exchanges] == [3, 1]
    assert recorder.statuses == [201, 201]
    assert await tables.rows("users", "id") == [(0,), (1,), (2,)]


async def test_a_bad_record_ends_the_run_with_the_state_before_it(
    target: Target, recorder: Recorder, tables: Tables
) -> None:
    ended = await target.takes(
        schema("numbers", "id", id="integer"),
        record("numbers", {"id": 1}),
        state({"at": 1}),
        record("numbers", {"id": 2}),
        record("numbers", {"id": 3}),
        record("numbers", {"id": "four"}),
        state({"at": 4}),
        options=("--max-batch-records", "2"),
    )

    why = "Record 1 did not conform to schema: #/id: expected type: Integer, found: String"
    assert ended.exit_code == 1
    assert f"Error persisting data to Stitch: 400: {{'error': '{why}'}}" in ended.log
    assert ended.states == [{"at": 1}]
    # A refusal is final: the request came once, and nothing of it was taken.
    assert recorder.statuses == [201, 400]
    assert await tables.rows("numbers", "id") == [(1,), (2,)]


async def test_cl_07_after_one_503_the_same_bytes_come_once_more(
    target: Target, recorder: Recorder, tables: Tables
) -> None:
    """The 503 is said after ingest took it, as by a proxy that lost the answer."""
    ended = await _ends_with_its_first_answer_lost(target, recorder, taken=True)

    assert ended == (0, [{"done": True}])
    assert recorder.statuses == [UNAVAILABLE, 201]
    assert recorder.exchanges[0].body == recorder.exchanges[1].body
    # The table has no key, so only ingest can know the repeat.
    assert await tables.rows("events", "n") == [(1,), (2,)]


async def test_cl_07_a_503_that_took_nothing_loses_nothing(
    target: Target, recorder: Recorder, tables: Tables
) -> None:
    ended = await _ends_with_its_first_answer_lost(target, recorder, taken=False)

    assert ended == (0, [{"done": True}])
    assert recorder.statuses == [UNAVAILABLE, 201]
    assert recorder.exchanges[0].body == recorder.exchanges[1].body
    assert await tables.rows("events", "n") == [(1,), (2,)]


async def _ends_with_its_first_answer_lost(
    target: Target, recorder: Recorder, *, taken: bool
) -> tuple[int, list[object]]:
    recorder.lose_answer(0, after_asking=taken)
    ended = await target.takes(
        schema("events", n="integer"),
        record("events", {"n": 1}),
        record("events", {"n": 2}),
        state({"done": True}),
    )
    return ended.exit_code, ended.states


async def test_a_wrong_token_ends_the_run_at_once(target: Target, recorder: Recorder) -> None:
    target.with_token("at_wrong")
    ended = await target.takes(
        schema("users", "id", id="integer"), record("users", {"id": 1}), state({"done": True})
    )

    assert (ended.exit_code, ended.states) == (1, [])
    assert "Error persisting data to Stitch: 401: {'message': 'Not Authorized'}" in ended.log
    assert recorder.statuses == [401]


async def test_cl_10_a_source_paused_half_way_ends_the_run_and_says_so(
    target: Target, recorder: Recorder, api: ConnectApi, source: Made
) -> None:
    async def pause_before_the_second(number: int) -> None:
        if number == 1:
            await api.update_source(source.id, {"paused_at": "2026-11-27T12:00:00Z"})

    recorder.before_each = pause_before_the_second
    ended = await target.takes(
        schema("users", "id", id="integer"),
        *itertools.chain.from_iterable(
            (record("users", {"id": n}), state({"at": n})) for n in range(4)
        ),
        options=("--max-batch-records", "1"),
    )

    assert ended.exit_code == 1
    assert (
        "401: {'error': 'Forbidden', 'errors': {'error': 'Connection is not active.'}}" in ended.log
    )
    assert recorder.statuses == [201, 401]
    # The first flush came before its state was read.
    assert ended.states == []


async def test_cl_08_one_record_of_19_megabytes_is_taken_at_the_big_address(
    target: Target, recorder: Recorder, tables: Tables
) -> None:
    ended = await target.takes(
        schema("notes", "id", id="integer", text="string"),
        record("notes", {"id": 1, "text": "x" * 19_000_000}),
        state({"done": True}),
    )

    assert (ended.exit_code, ended.states) == (0, [{"done": True}]), ended.log
    assert [(e.path, e.status) for e in recorder.exchanges] == [(f"{BIG}/v2/import/batch", 201)]
    assert await tables.rows("notes", "id", "length(text)") == [(1, 19_000_000)]


async def test_numbers_keep_the_digits_that_target_stitch_sends(
    target: Target, tables: Tables
) -> None:
    exact = schema("money", "id", id="integer")
    exact["schema"]["properties"]["amount"] = {"type": "number", "multipleOf": 1e-11}
    ended = await target.reads(
        json.dumps(exact)
        + '\n{"type":"RECORD","stream":"money","record":{"id":1,"amount":12.340}}'
        + '\n{"type":"RECORD","stream":"money",'
        '"record":{"id":2,"amount":9999999999999999.99999999999}}\n'
    )

    assert ended.exit_code == 0, ended.log
    assert await tables.rows("money", "id", "amount::text") == [
        (1, "12.340"),
        (2, "9999999999999999.99999999999"),
    ]
