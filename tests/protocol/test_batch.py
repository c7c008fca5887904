"""Wire contract 1.3, 2.2 and 2.5: what a batch may be, what is wrong with one that is not."""

from typing import Any

import pytest
from hypothesis import given

from protocol.batch import _check_columns, check_batch
from protocol.batch_messages import check_each_message
from protocol.bodies import parse_batch_lossless
from protocol.validation import Validated
from tests.protocol.test_push import seen
from tests.protocol.values import mutated
from tests.wire.bodies import batch, batch_of, text, without

ONE_OF = "Request failed validation:#/messages/0: #: 0 subschemas matched instead of one"


def error(request: Any) -> str | None:
    checked = check_batch(text(request))
    assert checked.refusal_before_owner_check is None
    if checked.refusal_after_owner_check is None:
        return None
    assert checked.refusal_after_owner_check.status == 400
    frame, end = b'{"error":"', b'"}'
    assert checked.refusal_after_owner_check.body.startswith(frame)
    return (
        checked.refusal_after_owner_check.body.removeprefix(frame)
        .removesuffix(end)
        .decode()
        .replace('\\"', '"')
    )


def message(**arguments: Any) -> dict[str, Any]:
    return {"action": "upsert", "sequence": 1, "data": {"id": 1}} | arguments


def messages(*items: Any) -> dict[str, Any]:
    return batch(messages=list(items))


ENVELOPES: list[tuple[Any, str]] = [
    ([], "#: expected type: JSONObject, found: JSONArray"),
    ("x", "#: expected type: JSONObject, found: String"),
    (5, "#: expected type: JSONObject, found: Integer"),
    ({}, "#: required key [table_name] not found"),
    (batch(client_id=7723), "#: extraneous key [client_id] is not permitted"),
    (batch(table_name=2**31), "#/table_name: expected type: String, found: Long"),
    (batch(table_name=None), "#/table_name: expected type: String, found: Null"),
    (batch(table_name=""), "#/table_name: expected minLength: 1, actual: 0"),
    (batch(table_name="\0"), "#/table_name: expected minLength: 1, actual: 0"),
    (batch(table_version=1.0), "#/table_version: expected type: Integer, found: Double"),
    (batch(table_version=True), "#/table_version: expected type: Integer, found: Boolean"),
    (batch(table_version=2**63), "#/table_version: expected a signed 64-bit integer"),
    (batch(schema="x"), "#/schema: expected type: JSONObject, found: String"),
    (batch(key_names="id"), "#/key_names: expected type: JSONArray, found: String"),
    (batch(key_names=["id", 1]), "#/key_names/1: expected type: String, found: Integer"),
    (batch(bookmark_names=None), "#/bookmark_names: expected type: JSONArray, found: Null"),
    (batch(bookmark_names=[{}]), "#/bookmark_names/0: expected type: String, found: JSONObject"),
    (batch(messages={}), "#/messages: expected type: JSONArray, found: JSONObject"),
    # The order of section 2.5: missing, unknown, types, number of messages, null keys, messages.
    (without(batch(foo=1), "schema"), "#: required key [schema] not found"),
    (batch(foo=1, table_name=5), "#: extraneous key [foo] is not permitted"),
    (batch(table_name=5, messages=[]), "#/table_name: expected type: String, found: Integer"),
    (batch(messages=[], key_names=None), "#/messages: expected minimum item count: 1, found: 0"),
    (batch(messages=[5], key_names=None), "#/key_names: expected type: JSONArray, found: Null"),
]


@pytest.mark.parametrize(("request_", "said"), ENVELOPES, ids=map(str, range(len(ENVELOPES))))
def test_a_wrong_envelope_is_named(request_: Any, said: str) -> None:
    assert error(request_) == f"Request failed validation:{said}"


def test_a_big_integer_where_a_string_is_wanted_is_called_one() -> None:
    body = text(batch(table_name=7)).replace(b'"table_name":7', b'"table_name":' + b"9" * 30)
    checked = check_batch(body)

    assert checked.refusal_after_owner_check is not None
    assert b"expected type: String, found: BigInteger" in checked.refusal_after_owner_check.body


HERE = "#/messages/0"
MESSAGES: list[tuple[Any, list[str]]] = [
    (5, [": expected type: JSONObject, found: Integer"] * 2),
    (
        message(action="delete"),
        [
            ": 2 schema violations found",
            ": extraneous key [data] is not permitted",
            "/action: delete is not a valid enum value",
            "/action: delete is not a valid enum value",
        ],
    ),
    (
        message(action=[]),
        [
            ": 2 schema violations found",
            ": extraneous key [data] is not permitted",
            "/action: [] is not a valid enum value",
            "/action: [] is not a valid enum value",
        ],
    ),
    (
        message(action="activate_version"),
        [
            ": extraneous key [data] is not permitted",
            "/action: activate_version is not a valid enum value",
        ],
    ),
    (
        {"action": "upsert", "sequence": 1},
        ["/action: upsert is not a valid enum value", ": required key [data] not found"],
    ),
    (
        {"action": "switch_view", "sequence": 1, "time_extracted": "x"},
        [
            ": extraneous key [time_extracted] is not permitted",
            ": 2 schema violations found",
            ": required key [data] not found",
            "/action: switch_view is not a valid enum value",
        ],
    ),
    (
        message(time_extracted=5, data=[]),
        [
            ": 3 schema violations found",
            ": extraneous key [data] is not permitted",
            ": extraneous key [time_extracted] is not permitted",
            "/action: upsert is not a valid enum value",
            ": 2 schema violations found",
            "/data: expected type: JSONObject, found: JSONArray",
            "/time_extracted: expected type: String, found: Integer",
        ],
    ),
]


@pytest.mark.parametrize(("item", "lines"), MESSAGES, ids=map(str, range(len(MESSAGES))))
def test_a_wrong_message_is_told_what_each_shape_misses(item: Any, lines: list[str]) -> None:
    said = " ".join([ONE_OF, *(HERE + line for line in lines)])

    assert error(messages(item)) == said


def test_a_message_is_named_by_its_place() -> None:
    said = error(messages(message(), message(), {"sequence": 1}))

    assert said is not None
    assert said.startswith("Request failed validation:#/messages/2: #: 0 subschemas")


def test_every_message_is_looked_at_before_any_sequence() -> None:
    assert error(messages(message(sequence=2**63), 5)) == error(messages(message(), 5))


def test_sequences_come_before_the_schema_and_the_schema_before_records() -> None:
    bad = {"properties": {"id": {"type": "foo"}}}
    wrong = message(sequence=2**63, data={"id": "x"})

    assert error(messages(wrong) | {"schema": bad}) == (
        "Request failed validation:#: sequence can not be above 9223372036854775807"
    )
    assert error(messages(message(data={"id": "x"})) | {"schema": bad}) == (
        "Invalid JSON schema: unknown type: [foo]"
    )


STRING_ID = {"properties": {"id": {"type": "string"}}}
RECORDS: list[tuple[dict[str, Any], str]] = [
    (
        batch_of({"id": "a"}, {"id": 1}, {}, schema=STRING_ID, key_names=["id"]),
        "Record 1 did not conform to schema: #/id: expected type: String, found: Integer",
    ),
    (
        batch_of({"id": "a"}, {}, {"id": 1}, schema=STRING_ID, key_names=["id"]),
        "Record is missing key property id",
    ),
    (batch_of({"id": None}, key_names=["id"]), "Record is missing key property id"),
    (batch_of({"id": 1}, key_names=["id", "b"]), "Record is missing key property b"),
    (batch_of({"id": 1}, key_names=[""]), "Record is missing key property "),
    (
        batch_of({"a": 1, "b": "x" * 1025}, key_names=["a", "b"]),
        "String keys cannot be longer than 1024 characters",
    ),
    (
        batch_of({"a": "x" * 1025}, {}, key_names=["a"]),
        "String keys cannot be longer than 1024 characters",
    ),
    (batch_of({}, {"a": [1] * 10_001}, key_names=["a"]), "Record is missing key property a"),
]


@pytest.mark.parametrize(("request_", "said"), RECORDS, ids=map(str, range(len(RECORDS))))
def test_the_first_record_that_fails_is_the_answer(request_: dict[str, Any], said: str) -> None:
    assert error(request_) == said


def test_a_record_is_named_by_its_place_among_all_messages() -> None:
    switch = {"action": "activate_version", "sequence": 1}
    said = error(messages(switch, message(data={"id": "x"})))

    assert said == "Record 1 did not conform to schema: #/id: expected type: Integer, found: String"


@pytest.mark.parametrize(
    "request_",
    [
        batch(key_names=[]),
        batch(bookmark_names=["updated_at"], table_version=1_700_000_000_000),
        batch_of({}, {}),
        batch_of({"id": 1, "other": [None, {"a": {}}]}),
        messages(message(time_extracted="2024-01-02T03:04:05.678901Z")),
        messages(message(), message(time_extracted="x")),
        messages({"action": "activate_version", "sequence": 0}),
        messages({"action": "switch_view", "sequence": -(2**63)}),
        messages(message(), {"action": "activate_version", "sequence": 2}, message()),
        batch_of({"at": "2020-01-13T21:25:03+0000"}, schema={"format": "date-time"}),
        batch(table_name="\0a" * 2000),
    ],
)
def test_what_real_clients_send_is_taken(request_: dict[str, Any]) -> None:
    checked = check_batch(text(request_))
    name = request_["table_name"].replace("\0", "")

    assert checked == Validated(
        len(request_["messages"]),
        ((name, len(request_["messages"])),),
        None,
        None,
        None,
        append_only=not request_.get("key_names"),
    )


def exactly(schema: dict[str, Any], written: str) -> Validated:
    body = text(batch_of({"n": 7}, schema={"properties": {"n": schema}}))
    return check_batch(body.replace(b'"n":7', b'"n":' + written.encode()))


@pytest.mark.parametrize(
    ("schema", "written", "good"),
    [
        ({"type": "integer"}, "123456789012345678901234567890", True),
        ({"type": "integer"}, "-9223372036854775809", True),
        ({"type": "integer"}, "1.0", False),
        ({"type": "integer"}, "1e3", False),
        ({"type": "integer"}, "true", False),
        ({"type": "number"}, "1e400", True),
        ({"type": "number"}, "1", True),
        ({"type": "string"}, "1e400", False),
        ({"multipleOf": 0.01}, "12345678901234567890.12", True),
        ({"multipleOf": 0.01}, "12345678901234567890.123", False),
        ({"multipleOf": 0.01}, "0.07", True),
        ({"multipleOf": 1e-05}, "1.275888", False),
        ({"multipleOf": 1e-05}, "1.27588", True),
        ({"maximum": 18446744073709551615}, "18446744073709551616", False),
    ],
)
def test_numbers_are_checked_by_their_digits(
    schema: dict[str, Any], written: str, good: object
) -> None:
    assert (exactly(schema, written).refusal_after_owner_check is None) is good


ORDINARY = batch_of(
    *({"id": index, "name": f"name {index}", "tags": ["a"]} for index in range(4)),
    schema={
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": ["null", "string"], "maxLength": 20},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    },
    key_names=["id"],
)


def test_an_ordinary_batch_is_decided_by_columns() -> None:
    """If this fails, every batch takes the slow way."""
    switch = {"action": "activate_version", "sequence": 9}
    timed = [item | {"time_extracted": "2024-01-02T03:04:05Z"} for item in ORDINARY["messages"]]

    for request in (
        ORDINARY,
        ORDINARY | {"messages": [*ORDINARY["messages"], switch], "table_version": 5},
        ORDINARY | {"messages": timed, "key_names": []},
    ):
        as_columns = _check_columns(request, text(request))
        assert as_columns is not None
        assert as_columns == check_each_message(request, text(request))


@given(mutated(ORDINARY))
def test_columns_never_take_what_a_look_at_each_message_would_not(request: Any) -> None:
    body = text(request)
    as_columns = _check_columns(request, body)
    checked = check_batch(body)

    assert as_columns is None or seen(as_columns) == seen(
        check_each_message(parse_batch_lossless(body), body)
    )
    assert as_columns is None or seen(as_columns) == seen(checked)
