"""From a kept body to the runs of records that one table gets. Pure.

A run is what can be loaded in one go: records with the same keys, version and schema. Records of
different runs between two switches may change places: sequence, not place, decides who wins.
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
    """What decides the kinds of a run's columns; equal ones may be loaded together."""

    rule: TypeRule
    schema: JsonObject | None
    transit: bool = False

    def same_as(self, other: "RecordFormat") -> bool:
        return self.schema == other.schema and self.transit is other.transit

    def text_of(self, record: JsonObject) -> str:
        """In the words that it came in."""
        return text_of(record, transit=self.transit)


@dataclass(slots=True)
class RecordGroup:
    """All lists are equally long. ``version`` None: the client named none."""

    key_names: tuple[str, ...]
    version: int | None
    format: RecordFormat
    records: list[JsonObject] = field(default_factory=list)
    # Each record's index in the request.
    indexes: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    extracted: list[str | None] = field(default_factory=list)

    def add(self, message: JsonObject, place: int) -> None:
        self.records.append(message["data"])
        self.indexes.append(place)
        self.sequences.append(message["sequence"])
        self.extracted.append(message.get("time_extracted"))


@dataclass(slots=True)
class ActivateVersion:
    """``activate_version`` or ``switch_view``: from here on ``version`` is the table's."""

    version: int | None


LoadStep = RecordGroup | ActivateVersion


def parse_body(body: bytes, *, media_type: str, endpoint: str) -> dict[str, list[LoadStep]]:
    """By table name as the journal has it. ``body`` was accepted, so it has the right shape."""
    if endpoint == "batch":
        return _batch_steps(parse_batch_lossless(body))
    typing = RecordFormat(BY_VALUE, None, transit=is_transit(media_type))
    return _push_steps(parse_push_lossless(body, media_type), typing)


def _batch_steps(request: JsonObject) -> dict[str, list[LoadStep]]:
    messages = request["messages"]
    typing = RecordFormat(rule_of(request["schema"]), request["schema"])
    keys = tuple(request.get("key_names") or ())
    version = request.get("table_version")
    steps: list[LoadStep]
    if countOf(map(_action, messages), "upsert") == len(messages):
        steps = [_filled_group(messages, RecordGroup(keys, version, typing))]
    else:
        steps = list(_batch_steps_one_by_one(messages, keys, version, typing))
    return {storable(request["table_name"]): steps}


def _batch_steps_one_by_one(
    messages: list[JsonObject], keys: tuple[str, ...], version: int | None, typing: RecordFormat
) -> Iterator[LoadStep]:
    run: RecordGroup | None = None
    for place, message in enumerate(messages):
        if message["action"] == "upsert":
            run = run or RecordGroup(keys, version, typing)
            run.add(message, place)
        else:
            if run is not None:
                yield run
            run = None
            yield ActivateVersion(version)
    if run is not None:
        yield run


def _filled_group(messages: list[JsonObject], run: RecordGroup) -> RecordGroup:
    run.records = list(map(_data, messages))
    run.indexes = list(range(len(messages)))
    run.sequences = list(map(_sequence, messages))
    run.extracted = [message.get("time_extracted") for message in messages]
    return run


def _push_steps(messages: list[JsonObject], typing: RecordFormat) -> dict[str, list[LoadStep]]:
    run = _single_group(messages, typing)
    if run is not None:
        return {storable(messages[0]["table_name"]): [_filled_group(messages, run)]}
    steps: dict[str, list[LoadStep]] = {}
    open_runs: dict[str, dict[tuple[Any, ...], RecordGroup]] = {}
    for place, message in enumerate(messages):
        table = storable(message["table_name"])
        version = message.get("table_version")
        if message["action"] != "upsert":
            open_runs.pop(table, None)
            steps.setdefault(table, []).append(ActivateVersion(version))
            continue
        keys = tuple(message["key_names"])
        runs = open_runs.setdefault(table, {})
        found = runs.get((keys, version))
        if found is None:
            found = runs[keys, version] = RecordGroup(keys, version, typing)
            steps.setdefault(table, []).append(found)
        found.add(message, place)
    return steps


def _single_group(messages: list[JsonObject], typing: RecordFormat) -> RecordGroup | None:
    """The one run that all messages make, which is what nearly every push is."""
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
    return RecordGroup(tuple(first["key_names"]), version, typing)
