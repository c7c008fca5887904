"""From a kept body to the runs of records that one table gets. Pure.

A run is what can be loaded in one go: records with the same keys, version and schema. Records of
different runs between two switches may change places: sequence, not place, decides who wins.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

Record = dict[str, Any]


@dataclass(slots=True)
class Run:
    """All lists are equally long. ``version`` None: the client named none."""

    key_names: tuple[str, ...]
    version: int | None
    schema: Record | None
    records: list[Record] = field(default_factory=list)
    # Each record's index in the request.
    places: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    extracted: list[str | None] = field(default_factory=list)


@dataclass(slots=True)
class Switch:
    """``activate_version`` or ``switch_view``: from here on ``version`` is the table's."""

    version: int | None
    place: int
    sequence: int


Step = Run | Switch


def read_steps(body: bytes, *, endpoint: str) -> dict[str, list[Step]]:
    """By table name as the journal has it: without U+0000."""
    parsed = orjson.loads(body)
    if endpoint == "batch":
        name = parsed["table_name"].replace("\0", "")
        return {name: list(_batch_steps(parsed))}
    return _push_steps(parsed)


def _batch_steps(parsed: Record) -> Iterable[Step]:
    version = parsed.get("table_version")
    keys = tuple(parsed.get("key_names") or ())
    run: Run | None = None
    for place, message in enumerate(parsed["messages"]):
        if message["action"] != "upsert":
            if run is not None:
                yield run
            run = None
            yield Switch(version, place, message["sequence"])
            continue
        if run is None:
            run = Run(keys, version, parsed["schema"])
        _add(run, message, place)
    if run is not None:
        yield run


def _push_steps(parsed: list[Record]) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = {}
    open_runs: dict[str, dict[tuple[Any, ...], Run]] = {}
    for place, message in enumerate(parsed):
        table = message["table_name"].replace("\0", "")
        version = message.get("table_version")
        if message["action"] != "upsert":
            open_runs.pop(table, None)
            steps.setdefault(table, []).append(Switch(version, place, message["sequence"]))
            continue
        keys = tuple(message["key_names"])
        runs = open_runs.setdefault(table, {})
        run = runs.get((keys, version))
        if run is None:
            run = runs[keys, version] = Run(keys, version, None)
            steps.setdefault(table, []).append(run)
        _add(run, message, place)
    return steps


def _add(run: Run, message: Record, place: int) -> None:
    run.records.append(message["data"])
    run.places.append(place)
    run.sequences.append(message["sequence"])
    run.extracted.append(message.get("time_extracted"))
