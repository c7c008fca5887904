"""Builds one load of one table from several requests: everything that needs no destination. Pure.

Records are flattened in chunks while bodies are read, so that a load never holds all of its parsed
records, only their columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.loader.parsing.conversion import are_ordinary_date_times, date_time
from services.loader.parsing.flatten import flatten
from services.loader.parsing.messages import (
    ActivateVersion,
    JsonObject,
    LoadStep,
    RecordFormat,
    RecordGroup,
)
from services.loader.parsing.rows import (
    EXTRACTED,
    ORDINAL,
    RECORD_INDEX,
    REQUEST,
    ROW_SEQUENCE,
    FlattenedRecords,
    Omission,
)
from services.loader.schema import identifiers
from services.loader.schema.column_types import BIGINT_MAX, BIGINT_MIN
from services.loader.schema.plan import TOO_MANY_COLUMNS, TooManyColumns

# Records that are flattened together: enough that the work per column does not show.
CHUNK_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What rows take from the request in which they were pushed."""

    batch_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    text: str
    reason: str


def _empty_fixed() -> dict[str, list[Any]]:
    return {name: [] for name in (ORDINAL, REQUEST, RECORD_INDEX, ROW_SEQUENCE, EXTRACTED)}


@dataclass(slots=True)
class RowGroup:
    """Records that are written together: same keys, version and format.

    ``key_names`` are the client's, ``keys`` the canonical ones. With ``problem`` set, every record
    is rejected for that reason and ``flattened`` is None.
    """

    key_names: tuple[str, ...]
    keys: tuple[str, ...]
    version: int | None
    format: RecordFormat
    problem: str | None
    flattened: FlattenedRecords | None = None
    records: int = 0
    rejected: list[RejectedRecord] = field(default_factory=list)
    # Records that are not flattened yet, and their fixed columns.
    unflattened: list[JsonObject] = field(default_factory=list)
    fixed: dict[str, list[Any]] = field(default_factory=_empty_fixed)

    least_sequence: int = BIGINT_MAX
    greatest_sequence: int = BIGINT_MIN

    def takes(self, group: RecordGroup) -> bool:
        return (
            self.key_names == group.key_names
            and self.version == group.version
            and self.format.same_as(group.format)
        )

    def add_sequences(self, sequences: Sequence[int]) -> None:
        self.fixed[ROW_SEQUENCE] += sequences
        self.least_sequence = min(self.least_sequence, min(sequences, default=BIGINT_MAX))
        self.greatest_sequence = max(self.greatest_sequence, max(sequences, default=BIGINT_MIN))

    def may_share_sequence_with(self, sequences: Sequence[int]) -> bool:
        """False only if no record of this group has one of these sequences."""
        least, greatest = min(sequences, default=BIGINT_MAX), max(sequences, default=BIGINT_MIN)
        return least <= self.greatest_sequence and self.least_sequence <= greatest

    def reject_all(self, records: Sequence[JsonObject], reason: str) -> None:
        self.rejected += [RejectedRecord(self.format.text_of(record), reason) for record in records]


@dataclass(slots=True)
class ParsedLoad:
    """What is to be written, in order. ``requests`` are numbered from 1 in ``steps``.

    ``table_name`` is the client's, ``table`` the canonical one. ``omissions`` has, for each thing
    that was left out, the text of the first record with it.
    """

    table_name: str
    table: identifiers.CanonicalName
    requests: list[RequestInfo] = field(default_factory=list)
    steps: list[RowGroup | ActivateVersion] = field(default_factory=list)
    omissions: dict[Omission, str] = field(default_factory=dict)
    records: int = 0


class LoadBuilder:
    """``add`` requests in order of acceptance, then ``finish``."""

    def __init__(self, table_name: str, field_name: identifiers.FieldNaming) -> None:
        self._field_name = field_name
        self._load = ParsedLoad(table_name, identifiers.root_table_name(table_name))

    def add(self, request: RequestInfo, steps: Sequence[LoadStep]) -> None:
        self._load.requests.append(request)
        for step in steps:
            if isinstance(step, ActivateVersion):
                self._load.steps.append(step)
            else:
                self._add_group(step)

    def finish(self) -> ParsedLoad:
        for step in self._load.steps:
            if isinstance(step, RowGroup) and step.unflattened:
                self._flatten(step)
        return self._load

    def _add_group(self, group: RecordGroup) -> None:
        rows = self._rows_for(group)
        count, first = len(group.records), self._load.records
        rows.records += count
        rows.unflattened += group.records
        fixed = rows.fixed
        fixed[ORDINAL] += range(first, first + count)
        fixed[REQUEST] += [len(self._load.requests)] * count
        fixed[RECORD_INDEX] += group.indexes
        rows.add_sequences(group.sequences)
        fixed[EXTRACTED] += group.extracted
        self._load.records += count
        if len(rows.unflattened) >= CHUNK_RECORDS:
            self._flatten(rows)

    def _rows_for(self, group: RecordGroup) -> RowGroup:
        """The latest row group that can take these records, else a new one at the end.

        Joining an earlier row group moves records ahead of the row groups in between. That must
        not change which record of a key stays. It is the one with the greatest sequence, in
        whichever order they are written; only of equal sequences it is the one written first,
        which has to be the one accepted first (OP-13). So records may move ahead of a row group
        if it has none of their sequences, and never ahead of an activation.
        """
        for step in reversed(self._load.steps):
            if isinstance(step, ActivateVersion):
                break
            if step.takes(group):
                return step
            if step.may_share_sequence_with(group.sequences):
                break
        rows = self._new_rows(group)
        self._load.steps.append(rows)
        return rows

    def _new_rows(self, group: RecordGroup) -> RowGroup:
        names = [self._field_name(raw) for raw in dict.fromkeys(group.key_names)]
        keys = tuple(name.text for name in names)
        problem = self._load.table.problem or _key_problem(names)
        return RowGroup(group.key_names, keys, group.version, group.format, problem)

    def _flatten(self, rows: RowGroup) -> None:
        records, fixed = rows.unflattened, rows.fixed
        rows.unflattened, rows.fixed = [], _empty_fixed()
        if rows.problem is not None:
            rows.reject_all(records, rows.problem)
            return
        if not are_ordinary_date_times(list(filter(None, fixed[EXTRACTED]))):
            fixed[EXTRACTED] = [text and date_time(text) for text in fixed[EXTRACTED]]
        record_of = dict(zip(fixed[ORDINAL], records, strict=True))
        try:
            chunk = self._flatten_chunk(rows, records, fixed)
        except TooManyColumns:
            rows.reject_all(records, TOO_MANY_COLUMNS)
            return
        if chunk.rejected or chunk.omissions:
            self._take_out_rejected(rows, chunk, record_of)
        if rows.flattened is None:
            rows.flattened = chunk
        else:
            rows.flattened.extend(chunk)

    def _flatten_chunk(
        self, rows: RowGroup, records: Sequence[JsonObject], fixed: dict[str, list[Any]]
    ) -> FlattenedRecords:
        return flatten(
            records,
            fixed,
            rows.format.rule,
            table=self._load.table.text,
            source_keys=rows.keys or (identifiers.SURROGATE_KEY,),
            field_name=self._field_name,
        )

    def _take_out_rejected(
        self, rows: RowGroup, chunk: FlattenedRecords, record_of: dict[int, JsonObject]
    ) -> None:
        text_of = rows.format.text_of
        for ordinal, reason in sorted(chunk.rejected.items()):
            rows.rejected.append(RejectedRecord(text_of(record_of[ordinal]), reason))
        for omission, ordinal in self._omissions_of(rows, chunk, record_of).items():
            if omission not in self._load.omissions:
                self._load.omissions[omission] = text_of(record_of[ordinal])
        chunk.drop(chunk.rejected.__contains__)

    def _omissions_of(
        self, rows: RowGroup, chunk: FlattenedRecords, record_of: dict[int, JsonObject]
    ) -> dict[Omission, int]:
        """With the first record that is loaded: of a rejected one the whole text is kept anyway."""
        if chunk.rejected.keys().isdisjoint(chunk.omissions.values()):
            return chunk.omissions
        loaded = [ordinal for ordinal in record_of if ordinal not in chunk.rejected]
        records = [record_of[ordinal] for ordinal in loaded]
        return self._flatten_chunk(rows, records, {ORDINAL: loaded}).omissions


def _key_problem(names: Sequence[identifiers.CanonicalName]) -> str | None:
    """Why no record with these keys can be loaded: a key column cannot be left out."""
    for i, name in enumerate(names):
        if name.problem is not None:
            return name.problem
        if len(name.text) > identifiers.COLUMN_NAME_MAX:
            return identifiers.too_long_column(name.text)
        if (problem := identifiers.column_problem(name.text)) is not None:
            return problem
        if name.text in [other.text for other in names[:i]]:
            return f"Field collision on {name.text}"
    return None
