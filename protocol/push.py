"""Validate the body of a push (wire contract 1.4, in the order of 2.5).

Nearly every push is ordinary: upserts of one client, all with the same arguments. Such a push is
validated column by column, in compiled code, at a fraction of the cost of parsing. Other pushes are
validated record by record (``push_records``), which names the error.
"""

from collections import Counter
from gc import is_tracked
from itertools import compress
from operator import countOf, itemgetter
from types import NoneType
from typing import Any

from protocol.bodies import fast_push_is_lossless, parse_push_fast, parse_push_lossless
from protocol.key_columns import keys_in_order, too_long
from protocol.limits import DATA_POINTS_MAX, RECORDS_MAX, SEQUENCE_MAX, SEQUENCE_MIN
from protocol.nesting import within_limits
from protocol.push_records import check_each_record
from protocol.refusals import Refusal
from protocol.refusals.push import NoRecords, NotAnArray, TooManyRecords
from protocol.sequences import are_sequences, sequence_range
from protocol.table_names import is_blank, merged, storable
from protocol.validation import Validated, refused_before_owner_check

REQUIRED = frozenset({"client_id", "table_name", "sequence", "action", "key_names", "data"})
OPTIONAL = frozenset({"table_version", "namespace"})

_client_id = itemgetter("client_id")
_table_name = itemgetter("table_name")
_sequence = itemgetter("sequence")
_action = itemgetter("action")
_key_names = itemgetter("key_names")
_data = itemgetter("data")
_table_version = itemgetter("table_version")
_namespace = itemgetter("namespace")

# With more distinct key lists than this in one push, validating each record is faster.
_KEY_LISTS_MAX = 16


def check_push(body: bytes, media_type: str) -> Validated:
    """Never raises because of ``body``. ``media_type`` is one of the two that push accepts."""
    try:
        records = _records(parse_push_fast(body, media_type))
    except Refusal as refusal:
        return refused_before_owner_check(refusal)
    checked = _check_columns(records)
    if checked is not None:
        return checked
    exact = (
        records
        if fast_push_is_lossless(body, media_type)
        else parse_push_lossless(body, media_type)
    )
    return check_each_record(exact)


def _records(records: Any) -> list[Any]:
    """The array of records, not yet validated. Raises the refusals of P1, P17 and P18."""
    if type(records) is not list:
        raise NotAnArray
    if not records:
        raise NoRecords
    if len(records) > RECORDS_MAX:
        raise TooManyRecords(len(records))
    return records


def _check_columns(records: list[Any]) -> Validated | None:
    """None if the push is not an ordinary one, valid or not."""
    try:
        return (
            _check_ordinary_push(records)
            if len(records) > 1
            else _check_ordinary_record(records[0])
        )
    except (KeyError, TypeError):
        return None  # an argument or a key is absent, or an element is not a record


def _check_ordinary_record(record: Any) -> Validated | None:
    """A push of one flat record is the most common; columns pay off from two records on."""
    if type(record) is not dict or record.keys() != REQUIRED:
        return None
    table, sequence, data = record["table_name"], record["sequence"], record["data"]
    if (
        type(record["client_id"]) is not int
        or record["action"] != "upsert"
        or type(sequence) is not int
        or not SEQUENCE_MIN <= sequence <= SEQUENCE_MAX
        or type(table) is not str
        or is_blank(table)
        or type(data) is not dict
        or is_tracked(data)  # contains more than scalars (nesting.py)
        or len(data) > DATA_POINTS_MAX
        or not _is_key_list(record["key_names"])
    ):
        return None
    for name in record["key_names"]:
        value = data[name]
        if value is None or too_long(value):
            return None
    return Validated(
        1,
        ((storable(table), 1),),
        record["client_id"],
        None,
        None,
        sequences=(sequence, sequence),
    )


def _check_ordinary_push(records: list[Any]) -> Validated | None:
    if type(records[0]) is not dict:
        return None
    arguments = records[0].keys()
    client_ids = list(map(_client_id, records))
    sequences = sequence_range(list(map(_sequence, records)))
    if (
        not REQUIRED <= arguments <= REQUIRED | OPTIONAL
        or set(map(len, records)) != {len(arguments)}
        or client_ids.count(client_ids[0]) != len(records)
        or set(map(type, client_ids)) != {int}
        or countOf(map(_action, records), "upsert") != len(records)
        or sequences is None
        or not _options_ordinary(records)
    ):
        return None
    tables = _tables(records)
    datas = list(map(_data, records))
    if (
        set(map(type, tables)) != {str}
        or any(is_blank(name) for name in tables)
        or not _keys_ordinary(list(map(_key_names, records)), datas)
        or not within_limits(datas)
    ):
        return None
    return Validated(
        len(records),
        merged(tables),
        client_ids[0],
        None,
        None,
        sequences=None if "table_version" in arguments else sequences,
    )


def _tables(records: list[Any]) -> dict[Any, int]:
    first = _table_name(records[0])
    if countOf(map(_table_name, records), first) == len(records):
        return {first: len(records)}
    return Counter(map(_table_name, records))


def _options_ordinary(records: list[Any]) -> bool:
    if "table_version" in records[0] and not are_sequences(list(map(_table_version, records))):
        return False
    return "namespace" not in records[0] or {str, NoneType} >= set(
        map(type, map(_namespace, records))
    )


def _keys_ordinary(key_lists: list[Any], datas: list[Any]) -> bool:
    """Raises TypeError if a ``data`` is not an object, which has no keys to look up."""
    if key_lists.count(key_lists[0]) == len(key_lists):
        return _is_key_list(key_lists[0]) and keys_in_order(key_lists[0], datas)
    if set(map(type, key_lists)) != {list}:
        return False
    keys = list(map(tuple, key_lists))
    distinct = set(keys)
    return len(distinct) <= _KEY_LISTS_MAX and all(
        _is_key_list(list(names))
        and keys_in_order(names, list(compress(datas, map(names.__eq__, keys))))
        for names in distinct
    )


def _is_key_list(names: Any) -> bool:
    if type(names) is list and len(names) == 1:
        return type(names[0]) is str
    return type(names) is list and bool(names) and set(map(type, names)) == {str}
