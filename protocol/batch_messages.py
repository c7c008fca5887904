"""Validate a batch message by message: lossless, slower, names the error (wire contract 2.2)."""

from typing import Any

from protocol.batch_envelope import check_envelope
from protocol.json_types import EXPECTED, found_type
from protocol.key_columns import too_long
from protocol.limits import SCHEMA_WORK_MAX, SEQUENCE_MAX, SEQUENCE_MIN, UNKNOWN_KEYS_MAX
from protocol.nesting import Excess, first_excess
from protocol.refusals import Refusal, shown
from protocol.refusals.batch import (
    MessageInvalid,
    RecordKeyTooLong,
    RecordMissingKey,
    RecordNotConforming,
    RecordTooDeep,
    RecordTooManyPoints,
    SequenceTooHigh,
    SequenceTooLow,
)
from protocol.schemas.compiled import SCHEMAS, CompiledSchema
from protocol.table_names import storable
from protocol.validation import Validated, refused_after_owner_check

Message = dict[str, Any]

SWITCHES = ("activate_version", "switch_view")
_SWITCH_KEYS = ("action", "sequence")
_UPSERT_KEYS = ("action", "sequence", "data")
_OPTIONAL_KEYS = ("time_extracted",)
_UPSERT_TYPES: dict[str, type] = {"sequence": int, "data": dict, "time_extracted": str}


def check_each_message(request: Any, body: bytes, work_max: int = SCHEMA_WORK_MAX) -> Validated:
    """Checks everything, in the order of section 2.5.

    ``request`` must have been parsed losslessly from ``body``.
    """
    try:
        check_envelope(request)
        messages = request["messages"]
        _check_messages(messages)
        schema = SCHEMAS.compiled(request["schema"])
        indexes = [index for index, message in enumerate(messages) if "data" in message]
        datas = [messages[index]["data"] for index in indexes]
        schema.refuse_if_too_expensive(datas, body, work_max)
        _check_records(request, schema, indexes, datas)
    except Refusal as refusal:
        return refused_after_owner_check(refusal)
    tables = ((storable(request["table_name"]), len(messages)),)
    return Validated(
        len(messages), tables, None, None, None, append_only=not request.get("key_names")
    )


def is_version_switch(message: Any) -> bool:
    """Whether the message is a valid activate_version or switch_view message."""
    return type(message) is dict and not _switch_violations(message)


def _check_messages(messages: list[Any]) -> None:
    """Raises MessageInvalid (B4) for the first invalid message, then checks sequences (B5)."""
    for index, message in enumerate(messages):
        if type(message) is not dict:
            wrong = f": expected type: {EXPECTED['object']}, found: {found_type(message)}"
            raise MessageInvalid(index, ([wrong], [wrong]))
        upsert = _upsert_violations(message)
        if upsert and (switch := _switch_violations(message)):
            raise MessageInvalid(index, (switch, upsert))
    sequences = [message["sequence"] for message in messages]
    if max(sequences) > SEQUENCE_MAX:
        raise SequenceTooHigh
    if min(sequences) < SEQUENCE_MIN:
        raise SequenceTooLow


def _switch_violations(message: Message) -> list[str]:
    found = _key_violations(message, required=_SWITCH_KEYS, optional=())
    if "action" in message and message["action"] not in SWITCHES:
        found.append(_not_in_enum(message["action"]))
    return found + _type_violations(message, {"sequence": int})


def _upsert_violations(message: Message) -> list[str]:
    found = _key_violations(message, required=_UPSERT_KEYS, optional=_OPTIONAL_KEYS)
    if message.get("action", "upsert") != "upsert":
        found.append(_not_in_enum(message["action"]))
    return found + _type_violations(message, _UPSERT_TYPES)


def _key_violations(
    message: Message, *, required: tuple[str, ...], optional: tuple[str, ...]
) -> list[str]:
    found = [f": required key [{key}] not found" for key in required if key not in message]
    extraneous = [key for key in message if key not in required and key not in optional]
    return found + [
        f": extraneous key [{shown(key)}] is not permitted" for key in extraneous[:UNKNOWN_KEYS_MAX]
    ]


def _type_violations(message: Message, types: dict[str, type]) -> list[str]:
    return [
        f"/{key}: expected type: {_WORDS[expected]}, found: {found_type(message[key])}"
        for key, expected in types.items()
        if key in message and type(message[key]) is not expected
    ]


def _not_in_enum(action: Any) -> str:
    return f"/action: {shown(str(action))} is not a valid enum value"


_WORDS: dict[type, str] = {
    int: EXPECTED["integer"],
    dict: EXPECTED["object"],
    str: EXPECTED["string"],
}


def _check_records(
    request: dict[str, Any], schema: CompiledSchema, indexes: list[int], datas: list[dict[str, Any]]
) -> None:
    """Raises for the first invalid record: nesting and size, conformity to the schema, keys."""
    excess = first_excess(datas)
    # What is nested too deeply never reaches the validator.
    sound = datas[: excess[0]] if excess else datas
    wrong = _first_not_conforming(sound, schema)
    key_names = list(dict.fromkeys(request.get("key_names", ())))
    for data in sound[:wrong]:
        _check_keys(data, key_names)
    if wrong is not None:
        lines = schema.violations(datas[wrong], request["schema"])
        raise RecordNotConforming(indexes[wrong], lines)
    if excess:
        index, limit = excess
        too_deep = limit is Excess.LEVELS
        raise (RecordTooDeep if too_deep else RecordTooManyPoints)(indexes[index])


def _first_not_conforming(datas: list[dict[str, Any]], schema: CompiledSchema) -> int | None:
    if schema.accepts(datas):
        return None
    return next(index for index, data in enumerate(datas) if not schema.accepts([data]))


def _check_keys(data: dict[str, Any], key_names: list[str]) -> None:
    for name in key_names:
        if data.get(name) is None:
            raise RecordMissingKey(name)
    if any(too_long(data[name]) for name in key_names):
        raise RecordKeyTooLong
