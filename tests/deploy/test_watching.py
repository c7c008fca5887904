"""What a platform team sees of a running system."""

import pytest

from services.runtime.metrics import CATALOGUE
from tests.deploy.hostile import hostile_requests
from tests.deploy.watched import PROGRAMS, Watched
from tests.eventually import eventually


async def test_a_request_id_leads_from_the_push_to_the_load(watched: Watched) -> None:
    assert await watched.push("followed", request_id="order-66") == 201

    async def accepted() -> list[dict[str, object]]:
        lines = await watched.lines("ingest")
        return [each for each in lines if each.get("request_id") == "order-66"]

    async def loaded() -> list[dict[str, object]]:
        lines = await watched.lines("loader")
        return [each for each in lines if "order-66" in each.get("request_ids", [])]

    (line,) = await eventually(accepted)
    (load,) = await eventually(loaded)

    assert (line["event"], line["program"], line["records"]) == ("batch.accepted", "ingest", 1)
    assert (load["event"], load["table"]) == ("table.loaded", "followed")


async def test_a_refused_push_leaves_its_request_id_and_the_reason(watched: Watched) -> None:
    headers = {"Authorization": "Bearer nobody", "X-Request-Id": "order-67"}
    url = f"{watched.url('ingest')}/v2/import/push"
    async with watched.session.post(url, json=[], headers=headers) as answer:
        assert answer.status == 401

    async def refused() -> list[dict[str, object]]:
        lines = await watched.lines("ingest")
        return [each for each in lines if each.get("request_id") == "order-67"]

    (line,) = await eventually(refused)

    assert (line["event"], line["status"]) == ("batch.refused", 401)


@pytest.mark.parametrize("program", PROGRAMS)
async def test_every_metric_is_served_by_some_program_and_none_is_unknown(
    watched: Watched, program: str
) -> None:
    names = {entry.name for entry in CATALOGUE}
    histograms = {entry.name for entry in CATALOGUE if entry.kind == "histogram"}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    counters = {entry.name for entry in CATALOGUE if entry.kind == "counter"}
    created = {f"{name.removesuffix('_total')}_created" for name in counters}
    created |= {f"{name}_created" for name in histograms}

    served = {series.partition("{")[0] for series in await watched.metrics(program)}

    assert served - names - parts - created == set()


async def test_the_figures_move(watched: Watched) -> None:
    before = await watched.metrics("ingest")
    assert await watched.push("counted", request_id="1") == 201
    after = await watched.metrics("ingest")

    moved = {series for series, value in after.items() if value != before.get(series)}

    assert {
        'pushgate_ingest_requests_total{"endpoint": "push", "status": "201"}',
        "pushgate_ingest_records_total{}",
        "pushgate_ingest_commit_seconds_count{}",
        "pushgate_ingest_group_requests_count{}",
    } <= moved


async def test_the_load_and_the_backlog_are_measured(watched: Watched) -> None:
    assert await watched.push("loaded_rows", request_id="1") == 201

    async def loaded() -> bool:
        figures = await watched.metrics("loader")
        waiting = figures["pushgate_loader_pending_batches{}"]
        return figures["pushgate_loader_rows_total{}"] >= 1 and waiting == 0

    assert await eventually(loaded, seconds=60)


async def test_pools_and_the_event_loop_are_measured(watched: Watched) -> None:
    figures = await watched.metrics("tokens")

    most = figures['pushgate_pool_connections{"pool": "pushgate tokens", "state": "most"}']
    assert most > 0
    assert figures["pushgate_event_loop_delay_seconds_count{}"] > 0


async def test_no_request_can_make_new_series(watched: Watched) -> None:
    """What comes in a request is never a label: ten thousand names would be ten thousand series."""
    await hostile_requests(watched, "first")
    before = {program: set(await watched.metrics(program)) for program in PROGRAMS}
    await hostile_requests(watched, "second")
    after = {program: set(await watched.metrics(program)) for program in PROGRAMS}

    assert after == before


async def test_no_token_stands_anywhere(watched: Watched) -> None:
    """Only run.json, 0600, may hold the Connect token (design, promise 4)."""
    connect_token = watched.system.installation.connect_token().reveal()
    answers = await hostile_requests(watched, watched.token)
    answers += await hostile_requests(watched, connect_token)
    spare = await watched.system.run_json("tokens", "generate", "Watched")
    await watched.system.run_json("tokens", "revoke", str(spare["id"]))

    places = {**await watched.everything_written(), "answers": "\n".join(answers)}
    secrets = {
        "token": watched.token,
        "revoked": spare["access_token"],
        "Connect token": connect_token,
    }

    found = {
        (place, name)
        for place, text in places.items()
        for name, secret in secrets.items()
        if secret in text
    }
    assert found == set()
