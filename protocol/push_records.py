"""Validate a push record by record: lossless, slower, names the error (wire contract 2.3)."""

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from protocol.key_columns import too_long
from protocol.limits import RECORD_ERRORS_MAX, SEQUENCE_MAX, SEQUENCE_MIN, UNKNOWN_KEYS_MAX
from protocol.nesting import Excess, first_excess, within_limits
from protocol.refusals import shown
from protocol.refusals.push import (
    BLANK,
    KEY_TOO_LONG,
    KEYS_ABSENT,
    KEYS_NULL,
    NOT_A_NUMBER,
    NOT_A_STRING,
    NOT_AN_INTEGER,
    NOT_AN_OBJECT,
    NOT_NAMES,
    PUSH_ACTIONS,
    TOO_DEEP,
    TOO_HIGH,
    TOO_LOW,
    TOO_MANY_POINTS,
    UNKNOWN_ACTION,
    UNKNOWN_KEY,
    ClientIdMissing,
    NotAnArray,
    RecordsRefused,
    SeveralClients,
)
from protocol.sequences import sequence_range
from protocol.table_names import is_blank, merged
from protocol.validation import Validated, refused_after_owner_check, refused_before_owner_check

PushRecord = dict[str, Any]
RecordErrors = dict[str, list[str]]

_DIGITS_MAX = 19
_EXCESS = {Excess.LEVELS: TOO_DEEP, Excess.POINTS: TOO_MANY_POINTS}


def check_each_record(records: list[Any]) -> Validated:
    """Checks every record, in the order of section 2.5; integers must have been parsed exactly."""
    if any(type(record) is not dict for record in records):
        return refused_before_owner_check(NotAnArray())
    first = records[0].get("client_id")
    if _blank(first):
        return refused_before_owner_check(ClientIdMissing())
    client_id = client_id_of(first)
    if client_id is not None and not all(_same_client(record, client_id) for record in records):
        return refused_after_owner_check(SeveralClients(client_id), client_id)
    if reasons := _reasons(records):
        return refused_after_owner_check(RecordsRefused(reasons), client_id)
    tables = Counter(record["table_name"] for record in records)
    plain = all(
        record["action"] == "upsert" and "table_version" not in record for record in records
    )
    sequences = sequence_range([record["sequence"] for record in records]) if plain else None
    return Validated(len(records), merged(tables), client_id, None, None, sequences=sequences)


def client_id_of(value: Any) -> int | None:
    """The id as an integer; also accepts a string of digits, which one real client sends (5.3)."""
    if type(value) is int:
        return value
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
        return int(value)
    return None


def _same_client(record: PushRecord, client_id: int) -> bool:
    """A client id of the wrong type is not another client; it gets its own refusal."""
    value = record.get("client_id")
    return value is None or value == client_id or client_id_of(value) == client_id


def _reasons(records: list[PushRecord]) -> list[RecordErrors]:
    """The errors of each invalid record, in order; at most RECORD_ERRORS_MAX."""
    datas = [data for record in records if type(data := record.get("data")) is dict]
    excess_possible = not within_limits(datas)
    reasons = []
    for record in records:
        reason = _reason(record, excess_possible=excess_possible)
        if reason:
            reasons.append(reason)
            if len(reasons) == RECORD_ERRORS_MAX:
                break
    return reasons


def _reason(record: PushRecord, *, excess_possible: bool) -> RecordErrors:
    reason: RecordErrors = {}
    for argument, check in _CHECKS.items():
        if wrong := check(record.get(argument)):
            reason[argument] = wrong
    action = record.get("action")
    if action == "upsert":
        if wrong := _key_names(record.get("key_names")):
            reason["key_names"] = wrong
        names = record["key_names"] if not wrong else []
        if wrong := _data(record.get("data"), names, excess_possible=excess_possible):
            reason["data"] = wrong
    elif action == "switch_view" and record.get("data") is not None:
        reason["data"] = [UNKNOWN_KEY]
    for argument in [key for key in record if key not in _KNOWN][:UNKNOWN_KEYS_MAX]:
        reason[shown(argument)] = [UNKNOWN_KEY]
    return reason


def _blank(value: Any) -> bool:
    """Absent, null or a blank string (P12), for an argument of any type."""
    return value is None or (type(value) is str and is_blank(value))


def _client_id(value: Any) -> list[str]:
    if _blank(value):
        return [BLANK]
    return [] if client_id_of(value) is not None else _number(value)


def _table_name(value: Any) -> list[str]:
    if _blank(value):
        return [BLANK]
    return [] if type(value) is str else [NOT_A_STRING]


def _sequence(value: Any) -> list[str]:
    return [BLANK] if _blank(value) else _number(value)


def _action(value: Any) -> list[str]:
    if _blank(value):
        return [BLANK]
    return [] if type(value) is str and value in PUSH_ACTIONS else [UNKNOWN_ACTION]


def _table_version(value: Any) -> list[str]:
    return [] if value is None else _number(value)


def _namespace(value: Any) -> list[str]:
    return [] if value is None or type(value) is str else [NOT_A_STRING]


def _number(value: Any) -> list[str]:
    """Why ``value`` is not a signed 64-bit integer."""
    if type(value) is int:
        if value > SEQUENCE_MAX:
            return [TOO_HIGH]
        return [TOO_LOW] if value < SEQUENCE_MIN else []
    if type(value) is float or type(value) is Decimal:
        return [NOT_AN_INTEGER]
    return [NOT_AN_INTEGER, NOT_A_NUMBER]


def _key_names(value: Any) -> list[str]:
    if _blank(value) or value == []:
        return [BLANK]
    if type(value) is not list or any(type(name) is not str for name in value):
        return [NOT_NAMES]
    return []


def _data(value: Any, key_names: list[str], *, excess_possible: bool) -> list[str]:
    if type(value) is not dict:
        return [BLANK if _blank(value) else NOT_AN_OBJECT]
    if excess_possible and (found := first_excess([value])):
        return [_EXCESS[found[1]]]
    if any(name not in value for name in key_names):
        return [KEYS_ABSENT]
    if any(value[name] is None for name in key_names):
        return [KEYS_NULL]
    return [KEY_TOO_LONG] if any(too_long(value[name]) for name in key_names) else []


_CHECKS: Mapping[str, Callable[[Any], list[str]]] = {
    "client_id": _client_id,
    "table_name": _table_name,
    "sequence": _sequence,
    "action": _action,
    "table_version": _table_version,
    "namespace": _namespace,
}
_KNOWN = frozenset({*_CHECKS, "key_names", "data"})
