"""One load of one table put together from several requests, up to what it needs the tables for.

Records are flattened in pieces while bodies are read, so that a load holds columns and never all
of its parsed records. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.loader.parsing.conversion import are_ordinary_date_times, date_time
from services.loader.parsing.flatten import TooManyColumns, flatten
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
from services.loader.schema.plan import TOO_MANY_COLUMNS

# Records that are flattened at once: large enough that per-column work does not show.
CHUNK_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What rows take from the request they came in."""

    batch_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    record: str
    reason: str


def _empty_fixed() -> dict[str, list[Any]]:
    return {name: [] for name in (ORDINAL, REQUEST, RECORD_INDEX, ROW_SEQUENCE, EXTRACTED)}


@dataclass(slots=True)
class RowGroup:
    """Records that are loaded together: same keys, version and schema, no switch between them.

    With ``problem`` set, every record is rejected for it, and ``load`` is None.
    """

    key_names: tuple[str, ...]
    keys: tuple[str, ...]
    version: int | None
    format: RecordFormat
    problem: str | None
    flattened: FlattenedRecords | None = None
    records: int = 0
    rejected: list[RejectedRecord] = field(default_factory=list)
    # Records that wait to be flattened, and their fixed columns.
    unflattened: list[JsonObject] = field(default_factory=list)
    fixed: dict[str, list[Any]] = field(default_factory=_empty_fixed)

    least_sequence: int = BIGINT_MAX
    greatest_sequence: int = BIGINT_MIN

    def add_sequences(self, sequences: Sequence[int]) -> None:
        self.fixed[ROW_SEQUENCE] += sequences
        self.least_sequence = min(self.least_sequence, min(sequences, default=BIGINT_MAX))
        self.greatest_sequence = max(self.greatest_sequence, max(sequences, default=BIGINT_MIN))

    def may_share_sequence_with(self, sequences: Sequence[int]) -> bool:
        """Whether some of the records here may have a sequence of these."""
        least, greatest = min(sequences, default=BIGINT_MAX), max(sequences, default=BIGINT_MIN)
        return least <= self.greatest_sequence and self.least_sequence <= greatest

    def reject_all(self, records: Sequence[JsonObject], reason: str) -> None:
        self.rejected += [RejectedRecord(self.format.text_of(record), reason) for record in records]


class BatchBuilder:
    """``add`` requests in order of acceptance, then ``finish``."""

    def __init__(self, table_name: str, field_name: identifiers.FieldNaming) -> None:
        self._field_name = field_name
        self.table_name = table_name
        self.table = identifiers.root_table_name(table_name)
        self.requests: list[RequestInfo] = []
        self.steps: list[RowGroup | ActivateVersion] = []
        # What was left out, with the first record that had it.
        self.omissions: dict[Omission, str] = {}
        self.ordinals = 0

    def add(self, request: RequestInfo, steps: Sequence[LoadStep]) -> None:
        self.requests.append(request)
        for step in steps:
            if isinstance(step, ActivateVersion):
                self.steps.append(step)
            else:
                self._add_group(step)

    def _add_group(self, run: RecordGroup) -> None:
        parcel = self._group_for(run)
        count = len(run.records)
        parcel.records += count
        parcel.unflattened += run.records
        fixed = parcel.fixed
        fixed[ORDINAL] += range(self.ordinals, self.ordinals + count)
        fixed[REQUEST] += [len(self.requests)] * count
        fixed[RECORD_INDEX] += run.indexes
        parcel.add_sequences(run.sequences)
        fixed[EXTRACTED] += run.extracted
        self.ordinals += count
        if len(parcel.unflattened) >= CHUNK_RECORDS:
            self._flatten(parcel)

    def _group_for(self, run: RecordGroup) -> RowGroup:
        """An earlier parcel, past those in between, only where no sequences are equal.

        Of records with equal sequences the one that was accepted first stays (OP-13).
        """
        for step in reversed(self.steps):
            if isinstance(step, ActivateVersion):
                break
            if (
                step.key_names == run.key_names
                and step.version == run.version
                and step.format.same_as(run.format)
            ):
                return step
            if step.may_share_sequence_with(run.sequences):
                break
        parcel = self._new_group(run)
        self.steps.append(parcel)
        return parcel

    def _new_group(self, run: RecordGroup) -> RowGroup:
        names = [self._field_name(raw) for raw in dict.fromkeys(run.key_names)]
        keys = tuple(name.text for name in names)
        return RowGroup(
            run.key_names,
            keys,
            run.version,
            run.format,
            self.table.problem or _key_problem(names),
        )

    def finish(self) -> None:
        for step in self.steps:
            if isinstance(step, RowGroup) and step.unflattened:
                self._flatten(step)

    def _flatten(self, parcel: RowGroup) -> None:
        records, fixed = parcel.unflattened, parcel.fixed
        parcel.unflattened, parcel.fixed = [], _empty_fixed()
        if parcel.problem is not None:
            parcel.reject_all(records, parcel.problem)
            return
        if not are_ordinary_date_times(list(filter(None, fixed[EXTRACTED]))):
            fixed[EXTRACTED] = [text and date_time(text) for text in fixed[EXTRACTED]]
        record_of = dict(zip(fixed[ORDINAL], records, strict=True))
        try:
            piece = self._flatten_chunk(parcel, records, fixed)
        except TooManyColumns:
            parcel.reject_all(records, TOO_MANY_COLUMNS)
            return
        if piece.rejected or piece.omissions:
            self._take_out_rejected(parcel, piece, record_of)
        if parcel.flattened is None:
            parcel.flattened = piece
        else:
            parcel.flattened.extend(piece)

    def _flatten_chunk(
        self, parcel: RowGroup, records: Sequence[JsonObject], fixed: dict[str, list[Any]]
    ) -> FlattenedRecords:
        return flatten(
            records,
            fixed,
            parcel.format.rule,
            table=self.table.text,
            source_keys=parcel.keys or (identifiers.SURROGATE_KEY,),
            field_name=self._field_name,
        )

    def _take_out_rejected(
        self, parcel: RowGroup, piece: FlattenedRecords, record_of: dict[int, JsonObject]
    ) -> None:
        text_of = parcel.format.text_of
        for ordinal, reason in sorted(piece.rejected.items()):
            parcel.rejected.append(RejectedRecord(text_of(record_of[ordinal]), reason))
        for note, ordinal in self._omissions_of(parcel, piece, record_of).items():
            if note not in self.omissions:
                self.omissions[note] = text_of(record_of[ordinal])
        piece.drop(piece.rejected.__contains__)

    def _omissions_of(
        self, parcel: RowGroup, piece: FlattenedRecords, record_of: dict[int, JsonObject]
    ) -> dict[Omission, int]:
        """With the first records that are loaded: a rejected one's whole text is told anyway."""
        if piece.rejected.keys().isdisjoint(piece.omissions.values()):
            return piece.omissions
        loaded = [ordinal for ordinal in record_of if ordinal not in piece.rejected]
        records = [record_of[ordinal] for ordinal in loaded]
        return self._flatten_chunk(parcel, records, {ORDINAL: loaded}).omissions


def _key_problem(names: Sequence[identifiers.CanonicalName]) -> str | None:
    """Why no record with these keys can be loaded: a key column can't be left out."""
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
