"""Sources of the Connect API: E5 to E10, cases SR-* of the wire contract 7.7, literal bodies."""

import re
from typing import Any

import pytest

from services.tokens.use_cases.accounts import OpenedAccount
from tests.tokens.connect_client import Answer, ConnectClient

CREATE = {"type": "import_api", "display_name": "Import API"}
TIMES = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"')

INVALID_POST = (
    '{"error":"InvalidBody","data":{"message":"POST body may only include a non-empty type, '
    'a non-empty display_name and map of string properties"}}'
)
INVALID_PUT = (
    '{"error":"InvalidBody","data":{"message":"PUT body many only include the keys: '
    'display_name, properties, and paused_at"}}'
)
INVALID_NAME = (
    '{"error":"InvalidName","data":{"message":"The name field must be under 50 characters, and '
    "can only contain lowercase letters, numbers, underscores, or dollar signs. It must begin "
    'with a letter or an underscore."}}'
)
STEPS = '"steps":[{"type":"form","properties":[]},{"type":"fully_configured","properties":[]}]'


def assert_refused(answer: Answer, error: str, message: str, *, status: int = 400) -> None:
    assert (answer.status, answer.json) == (status, {"error": error, "data": {"message": message}})


async def test_e5_the_source_type_is_described(api: ConnectClient) -> None:
    answer = await api.get("/v4/source-types/import_api")

    assert answer.status == 200
    assert answer.body.decode() == (
        '{"type":"import_api","current_step":1,"current_step_type":"form",' + STEPS + ',"details":'
        '{"pricing_tier":"standard","pipeline_state":"released","default_start_date":"-1 year",'
        '"default_scheduling_interval":60,"protocol":"import_api","access":true}}'
    )


async def test_sr_01_a_source_is_created(api: ConnectClient, account: OpenedAccount) -> None:
    answer = await api.post("/v4/sources", CREATE)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert TIMES.sub("TIME", answer.body.decode()) == (
        '{"properties":{},"updated_at":TIME,"schedule":null,"name":"import_api",'
        '"type":"import_api","deleted_at":null,"system_paused_at":null,'
        f'"stitch_client_id":{account.account_id},"paused_at":null,"id":{answer.json["id"]},'
        '"display_name":"Import API","created_at":TIME,"report_card":{"type":"import_api",'
        '"current_step":2,"current_step_type":"fully_configured",' + STEPS + "}}"
    )


async def test_sr_02_a_name_is_used_once(api: ConnectClient) -> None:
    await api.new_source("Import API")

    answer = await api.post("/v4/sources", CREATE)

    message = "non-unique name after deriving it from display_name (Import API -> import_api)"
    assert_refused(answer, "InvalidName", message)


async def test_s2_a_display_name_that_is_the_schema_name_is_told_so(api: ConnectClient) -> None:
    await api.new_source("Import API")

    answer = await api.post("/v4/sources", {**CREATE, "display_name": "import_api"})

    assert_refused(answer, "InvalidName", "non-unique name (import_api)")


async def test_two_display_names_with_one_schema_name_collide(api: ConnectClient) -> None:
    await api.new_source("Import API")

    answer = await api.post("/v4/sources", {**CREATE, "display_name": "IMPORT-(API)."})

    message = "non-unique name after deriving it from display_name (IMPORT-(API). -> import_api)"
    assert_refused(answer, "InvalidName", message)


@pytest.mark.parametrize(
    ("display_name", "derived"),
    [("####", ""), ("Public", "public"), ("pg_x", "pg_x"), ("1st", "1st"), ("a\x00", "a")],
)
async def test_sr_04_a_name_that_no_schema_can_have(
    display_name: str, derived: str, api: ConnectClient
) -> None:
    answer = await api.post("/v4/sources", {**CREATE, "display_name": display_name})

    message = f"invalid name after deriving it from display_name ({display_name} -> {derived})"
    assert_refused(answer, "InvalidDisplayName", message)


@pytest.mark.parametrize("kind", ["nope", "platform.nope"])
async def test_sr_05_an_unknown_type(kind: str, api: ConnectClient) -> None:
    answer = await api.post("/v4/sources", {**CREATE, "type": kind})

    assert_refused(answer, "InvalidType", "invalid source type (platform.nope)")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"type":"import_api","display_name":"\xff"}',
        b"[" * 60_000,
        [],
        None,
        {},
        {"type": "import_api"},
        {"display_name": "Import API"},
        {**CREATE, "type": ""},
        {**CREATE, "type": 5},
        {**CREATE, "display_name": ""},
        {**CREATE, "display_name": "  "},
        {**CREATE, "display_name": None},
        {**CREATE, "properties": []},
        {**CREATE, "properties": {"a": 1}},
        {**CREATE, "paused_at": None},
        {**CREATE, "name": "a_good_name"},
    ],
    ids=repr,
)
async def test_s3_a_wrong_body_creates_nothing(body: Any, api: ConnectClient) -> None:
    answer = await api.post("/v4/sources", body)

    assert (answer.status, answer.body.decode()) == (400, INVALID_POST)
    assert (await api.get("/v4/sources")).json == []


@pytest.mark.parametrize("name", ["", "Upper", "1st", "x" * 50, "a b", 5])
async def test_s4_a_bad_name_is_told(name: Any, api: ConnectClient) -> None:
    answer = await api.post("/v4/sources", {**CREATE, "name": name})

    assert (answer.status, answer.body.decode()) == (400, INVALID_NAME)


async def test_s8_a_source_of_this_type_has_no_properties(api: ConnectClient) -> None:
    answer = await api.post("/v4/sources", {**CREATE, "properties": {"token": "x"}})

    assert answer.status == 400
    assert answer.body.decode() == (
        '{"error":"InvalidProperties","data":{"message":"properties do not match schema",'
        '"bad_properties":["token"],"report_card":{"type":"import_api","current_step":1,'
        '"current_step_type":"form",' + STEPS + "}}}"
    )


async def test_x25_a_destination_id_is_ignored(api: ConnectClient) -> None:
    created = await api.post("/v4/sources", {**CREATE, "destination_id": 42, "properties": {}})
    updated = await api.put(f"/v4/sources/{created.json['id']}", {"destination_id": 43})

    assert (created.status, updated.status) == (200, 200)


async def test_sr_08_all_sources_are_listed(api: ConnectClient) -> None:
    active, paused, deleted = [await api.new_source(name) for name in ("A", "B", "C")]
    await api.put(f"/v4/sources/{paused}", {"paused_at": "2019-06-01T00:00:00Z"})
    await api.delete(f"/v4/sources/{deleted}")

    answer = await api.get("/v4/sources")

    assert [source["id"] for source in answer.json] == [active, paused, deleted]
    assert answer.json[1] == (await api.get(f"/v4/sources/{paused}")).json


async def test_sr_09_a_deleted_source_is_still_shown(api: ConnectClient) -> None:
    source_id = await api.new_source()
    deleted = await api.delete(f"/v4/sources/{source_id}")

    answer = await api.get(f"/v4/sources/{source_id}")

    assert (deleted.status, answer.status) == (200, 200)
    assert answer.json == deleted.json
    assert answer.json["deleted_at"] is not None


async def test_deleting_again_answers_the_same(api: ConnectClient) -> None:
    source_id = await api.new_source()
    first = await api.delete(f"/v4/sources/{source_id}")

    again = await api.delete(f"/v4/sources/{source_id}")

    assert (again.status, again.body) == (200, first.body)


async def test_a_deleted_sources_name_may_be_used_again(api: ConnectClient) -> None:
    source_id = await api.new_source("Import API")
    await api.delete(f"/v4/sources/{source_id}")

    answer = await api.post("/v4/sources", CREATE)

    assert answer.status == 200
    assert answer.json["name"] == "import_api"
    assert answer.json["id"] > source_id


async def test_a_deleted_sources_name_is_not_for_other_accounts(
    api: ConnectClient, strange_api: ConnectClient
) -> None:
    """The schema still holds the first account's rows."""
    await api.delete(f"/v4/sources/{await api.new_source('Import API')}")

    answer = await strange_api.post("/v4/sources", CREATE)

    message = "non-unique name after deriving it from display_name (Import API -> import_api)"
    assert_refused(answer, "InvalidName", message)


@pytest.mark.parametrize("text", ["2019-06-01T00:00:00Z", "2999-06-01t00:00:00.5+02:00"])
async def test_sr_10_any_timestamp_pauses_and_is_echoed(text: str, api: ConnectClient) -> None:
    source_id = await api.new_source()

    answer = await api.put(f"/v4/sources/{source_id}", {"paused_at": text})

    assert (answer.status, answer.json["paused_at"]) == (200, text)


async def test_sr_11_null_unpauses(api: ConnectClient) -> None:
    source_id = await api.new_source()
    await api.put(f"/v4/sources/{source_id}", {"paused_at": "2019-06-01T00:00:00Z"})

    answer = await api.put(f"/v4/sources/{source_id}", {"paused_at": None})

    assert (answer.status, answer.json["paused_at"]) == (200, None)


async def test_sr_12_a_new_display_name_leaves_the_name(api: ConnectClient) -> None:
    source_id = await api.new_source("Import API")

    answer = await api.put(f"/v4/sources/{source_id}", {"display_name": "New"})

    assert answer.status == 200
    assert (answer.json["display_name"], answer.json["name"]) == ("New", "import_api")


@pytest.mark.parametrize(
    "body", [{"type": "x"}, {"name": "x"}, {"display_name": "A", "x": 1}, [], b"", b"{"], ids=repr
)
async def test_sr_13_a_wrong_body_changes_nothing(body: Any, api: ConnectClient) -> None:
    source_id = await api.new_source()

    answer = await api.put(f"/v4/sources/{source_id}", body)

    assert (answer.status, answer.body.decode()) == (400, INVALID_PUT)
    assert (await api.get(f"/v4/sources/{source_id}")).json["display_name"] == "Import API"


@pytest.mark.parametrize(
    ("value", "shown"), [("", ""), ("a\nb", "a\nb"), (5, "5"), (None, "null"), (["a"], '["a"]')]
)
async def test_s10_a_display_name_that_cannot_be_shown(
    value: Any, shown: str, api: ConnectClient
) -> None:
    answer = await api.put(f"/v4/sources/{await api.new_source()}", {"display_name": value})

    assert_refused(answer, "InvalidDisplayName", f"invalid display_name ({shown})")


@pytest.mark.parametrize("value", ["", "now", 5, True, [], "2019-06-01T00:00:00Z" + " " * 60])
async def test_what_is_no_timestamp_does_not_pause(value: Any, api: ConnectClient) -> None:
    source_id = await api.new_source()

    answer = await api.put(f"/v4/sources/{source_id}", {"paused_at": value, "display_name": "New"})

    message = "The time of a pause must be an ISO 8601 timestamp of at most 64 characters."
    assert_refused(answer, "InvalidBody", message)
    assert (await api.get(f"/v4/sources/{source_id}")).json["display_name"] == "Import API"


async def test_s8_on_update(api: ConnectClient) -> None:
    source_id = await api.new_source()

    answer = await api.put(f"/v4/sources/{source_id}", {"properties": {"a": "b"}})

    assert answer.status == 400
    assert answer.json["data"]["bad_properties"] == ["a"]
    assert answer.json["data"]["report_card"]["current_step_type"] == "fully_configured"


async def test_sr_14_an_unknown_source_cannot_be_changed(api: ConnectClient) -> None:
    updated = await api.put("/v4/sources/999999", {"display_name": "New"})
    deleted = await api.delete("/v4/sources/999999")

    assert_refused(updated, "InvalidId", "source not found (999999)")
    assert_refused(deleted, "InvalidId", "source not found (999999)")


async def test_s13_an_unknown_source_is_not_there_to_be_read(api: ConnectClient) -> None:
    source = await api.get("/v4/sources/999999")
    tokens = await api.get("/v4/sources/999999/tokens")

    assert_refused(source, "InvalidId", "source not found (999999)", status=404)
    assert_refused(tokens, "InvalidId", "source not found (999999)", status=404)


async def test_a_deleted_source_cannot_be_changed(api: ConnectClient) -> None:
    source_id = await api.new_source()
    await api.delete(f"/v4/sources/{source_id}")

    answer = await api.put(f"/v4/sources/{source_id}", {"display_name": "New"})

    assert_refused(answer, "InvalidId", f"source not found ({source_id})")
