"""An accepted body as load steps, by table: groups of records and version activations. Pure.

A record group can be written with the same statements: its records have the same keys, version and
schema. Between two activations records may be regrouped freely, because the sequence and not the
order in the body decides which record wins.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import countOf, itemgetter
from typing import Any

from protocol.bodies import parse_batch_lossless, parse_push_lossless
from protocol.media_types import is_transit
from protocol.table_names import storable
from services.loader.parsing.record_text import text_of
from services.loader.parsing.type_rules import BY_VALUE, TypeRule, rule_of

JsonObject = dict[str, Any]

_action = itemgetter("action")
_data = itemgetter("data")
_key_names = itemgetter("key_names")
_sequence = itemgetter("sequence")
_table_name = itemgetter("table_name")


@dataclass(slots=True, eq=False)
class RecordFormat:
    """What decides the column kinds of records; records of equal formats can be written together.

    ``schema`` is a batch's, None for a push.
    """

    rule: TypeRule
    schema: JsonObject | None
    transit: bool = False

    def same_as(self, other: "RecordFormat") -> bool:
        return self.schema == other.schema and self.transit is other.transit

    def text_of(self, record: JsonObject) -> str:
        """The record in the format in which it was pushed."""
        return text_of(record, transit=self.transit)


@dataclass(slots=True)
class RecordGroup:
    """All lists are equally long. ``version`` is None if the client did not give one."""

    key_names: tuple[str, ...]
    version: int | None
    format: RecordFormat
    records: list[JsonObject] = field(default_factory=list)
    # Each record's index in the request.
    indexes: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    extracted: list[str | None] = field(default_factory=list)

    def add(self, message: JsonObject, index: int) -> None:
        self.records.append(message["data"])
        self.indexes.append(index)
        self.sequences.append(message["sequence"])
        self.extracted.append(message.get("time_extracted"))


@dataclass(slots=True)
class ActivateVersion:
    """``activate_version`` or ``switch_view``: ``version`` becomes the table's active version."""

    version: int | None


LoadStep = RecordGroup | ActivateVersion


def parse_body(body: bytes, *, media_type: str, endpoint: str) -> dict[str, list[LoadStep]]:
    """Steps in order, by table name as in the journal. ``body`` was validated when accepted."""
    if endpoint == "batch":
        return _batch_steps(parse_batch_lossless(body))
    record_format = RecordFormat(BY_VALUE, None, transit=is_transit(media_type))
    return _push_steps(parse_push_lossless(body, media_type), record_format)


def _batch_steps(request: JsonObject) -> dict[str, list[LoadStep]]:
    messages = request["messages"]
    record_format = RecordFormat(rule_of(request["schema"]), request["schema"])
    keys = tuple(request.get("key_names") or ())
    version = request.get("table_version")
    steps: list[LoadStep]
    if countOf(map(_action, messages), "upsert") == len(messages):
        steps = [_filled_group(messages, RecordGroup(keys, version, record_format))]
    else:
        steps = list(_batch_steps_one_by_one(messages, keys, version, record_format))
    return {storable(request["table_name"]): steps}


def _batch_steps_one_by_one(
    messages: list[JsonObject],
    keys: tuple[str, ...],
    version: int | None,
    record_format: RecordFormat,
) -> Iterator[LoadStep]:
    group: RecordGroup | None = None
    for index, message in enumerate(messages):
        if message["action"] == "upsert":
            group = group or RecordGroup(keys, version, record_format)
            group.add(message, index)
        else:
            if group is not None:
                yield group
            group = None
            yield ActivateVersion(version)
    if group is not None:
        yield group


def _push_steps(
    messages: list[JsonObject], record_format: RecordFormat
) -> dict[str, list[LoadStep]]:
    single = _single_group(messages, record_format)
    if single is not None:
        return {storable(messages[0]["table_name"]): [_filled_group(messages, single)]}
    steps: dict[str, list[LoadStep]] = {}
    open_groups: dict[str, dict[tuple[Any, ...], RecordGroup]] = {}
    for index, message in enumerate(messages):
        table = storable(message["table_name"])
        version = message.get("table_version")
        if message["action"] != "upsert":
            open_groups.pop(table, None)
            steps.setdefault(table, []).append(ActivateVersion(version))
            continue
        keys = tuple(message["key_names"])
        groups = open_groups.setdefault(table, {})
        group = groups.get((keys, version))
        if group is None:
            group = groups[keys, version] = RecordGroup(keys, version, record_format)
            steps.setdefault(table, []).append(group)
        group.add(message, index)
    return steps


def _single_group(messages: list[JsonObject], record_format: RecordFormat) -> RecordGroup | None:
    """An empty group if all messages belong to one, as in nearly every push."""
    count, first = len(messages), messages[0]
    if countOf(map(_action, messages), "upsert") != count:
        return None
    if countOf(map(_table_name, messages), first["table_name"]) != count:
        return None
    if countOf(map(_key_names, messages), first["key_names"]) != count:
        return None
    version = first.get("table_version")
    if [message.get("table_version") for message in messages].count(version) != count:
        return None
    return RecordGroup(tuple(first["key_names"]), version, record_format)


def _filled_group(messages: list[JsonObject], group: RecordGroup) -> RecordGroup:
    group.records = list(map(_data, messages))
    group.indexes = list(range(len(messages)))
    group.sequences = list(map(_sequence, messages))
    group.extracted = [message.get("time_extracted") for message in messages]
    return group
