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
from services.loader.parsing.type_rules import BY_VALUE, Rule, rule_of

Record = dict[str, Any]

_action = itemgetter("action")
_data = itemgetter("data")
_key_names = itemgetter("key_names")
_sequence = itemgetter("sequence")
_table_name = itemgetter("table_name")


@dataclass(slots=True, eq=False)
class Typing:
    """What decides the kinds of a run's columns; equal ones may be loaded together."""

    rule: Rule
    schema: Record | None
    transit: bool = False

    def same_as(self, other: "Typing") -> bool:
        return self.schema == other.schema and self.transit is other.transit

    def text_of(self, record: Record) -> str:
        """In the words that it came in."""
        return text_of(record, transit=self.transit)


@dataclass(slots=True)
class Run:
    """All lists are equally long. ``version`` None: the client named none."""

    key_names: tuple[str, ...]
    version: int | None
    typing: Typing
    records: list[Record] = field(default_factory=list)
    # Each record's index in the request.
    places: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    extracted: list[str | None] = field(default_factory=list)

    def add(self, message: Record, place: int) -> None:
        self.records.append(message["data"])
        self.places.append(place)
        self.sequences.append(message["sequence"])
        self.extracted.append(message.get("time_extracted"))


@dataclass(slots=True)
class Switch:
    """``activate_version`` or ``switch_view``: from here on ``version`` is the table's."""

    version: int | None


Step = Run | Switch


def read_steps(body: bytes, *, media_type: str, endpoint: str) -> dict[str, list[Step]]:
    """By table name as the journal has it. ``body`` was accepted, so it has the right shape."""
    if endpoint == "batch":
        return _batch_steps(parse_batch_lossless(body))
    typing = Typing(BY_VALUE, None, transit=is_transit(media_type))
    return _push_steps(parse_push_lossless(body, media_type), typing)


def _batch_steps(request: Record) -> dict[str, list[Step]]:
    messages = request["messages"]
    typing = Typing(rule_of(request["schema"]), request["schema"])
    keys = tuple(request.get("key_names") or ())
    version = request.get("table_version")
    steps: list[Step]
    if countOf(map(_action, messages), "upsert") == len(messages):
        steps = [_whole_run(messages, Run(keys, version, typing))]
    else:
        steps = list(_batch_steps_one_by_one(messages, keys, version, typing))
    return {storable(request["table_name"]): steps}


def _batch_steps_one_by_one(
    messages: list[Record], keys: tuple[str, ...], version: int | None, typing: Typing
) -> Iterator[Step]:
    run: Run | None = None
    for place, message in enumerate(messages):
        if message["action"] == "upsert":
            run = run or Run(keys, version, typing)
            run.add(message, place)
        else:
            if run is not None:
                yield run
            run = None
            yield Switch(version)
    if run is not None:
        yield run


def _whole_run(messages: list[Record], run: Run) -> Run:
    run.records = list(map(_data, messages))
    run.places = list(range(len(messages)))
    run.sequences = list(map(_sequence, messages))
    run.extracted = [message.get("time_extracted") for message in messages]
    return run


def _push_steps(messages: list[Record], typing: Typing) -> dict[str, list[Step]]:
    run = _only_run(messages, typing)
    if run is not None:
        return {storable(messages[0]["table_name"]): [_whole_run(messages, run)]}
    steps: dict[str, list[Step]] = {}
    open_runs: dict[str, dict[tuple[Any, ...], Run]] = {}
    for place, message in enumerate(messages):
        table = storable(message["table_name"])
        version = message.get("table_version")
        if message["action"] != "upsert":
            open_runs.pop(table, None)
            steps.setdefault(table, []).append(Switch(version))
            continue
        keys = tuple(message["key_names"])
        runs = open_runs.setdefault(table, {})
        found = runs.get((keys, version))
        if found is None:
            found = runs[keys, version] = Run(keys, version, typing)
            steps.setdefault(table, []).append(found)
        found.add(message, place)
    return steps


def _only_run(messages: list[Record], typing: Typing) -> Run | None:
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
    return Run(tuple(first["key_names"]), version, typing)
