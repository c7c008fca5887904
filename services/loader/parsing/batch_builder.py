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
from services.loader.parsing.messages import Record, Run, Step, Switch, Typing
from services.loader.parsing.rows import (
    EXTRACTED,
    ORDINAL,
    PLACE,
    REQUEST,
    ROW_SEQUENCE,
    Note,
    TableLoad,
)
from services.loader.schema import identifiers
from services.loader.schema.column_types import BIGINT_MAX, BIGINT_MIN
from services.loader.schema.plan import TOO_MANY_COLUMNS

# Records that are flattened at once: large enough that per-column work does not show.
PIECE_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class Request:
    """What rows take from the request they came in."""

    batch_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    record: str
    reason: str


def _empty_fixed() -> dict[str, list[Any]]:
    return {name: [] for name in (ORDINAL, REQUEST, PLACE, ROW_SEQUENCE, EXTRACTED)}


@dataclass(slots=True)
class Parcel:
    """Records that are loaded together: same keys, version and schema, no switch between them.

    With ``problem`` set, every record is rejected for it, and ``load`` is None.
    """

    key_names: tuple[str, ...]
    keys: tuple[str, ...]
    version: int | None
    typing: Typing
    problem: str | None
    load: TableLoad | None = None
    records: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    # Records that wait to be flattened, and their fixed columns.
    waiting: list[Record] = field(default_factory=list)
    fixed: dict[str, list[Any]] = field(default_factory=_empty_fixed)

    least_sequence: int = BIGINT_MAX
    greatest_sequence: int = BIGINT_MIN

    def take(self, sequences: Sequence[int]) -> None:
        self.fixed[ROW_SEQUENCE] += sequences
        self.least_sequence = min(self.least_sequence, min(sequences, default=BIGINT_MAX))
        self.greatest_sequence = max(self.greatest_sequence, max(sequences, default=BIGINT_MIN))

    def may_tie_with(self, sequences: Sequence[int]) -> bool:
        """Whether some of the records here may have a sequence of these."""
        least, greatest = min(sequences, default=BIGINT_MAX), max(sequences, default=BIGINT_MIN)
        return least <= self.greatest_sequence and self.least_sequence <= greatest

    def reject_all(self, records: Sequence[Record], reason: str) -> None:
        self.rejected += [Rejected(self.typing.text_of(record), reason) for record in records]


class Assembly:
    """``add`` requests in order of acceptance, then ``finish``."""

    def __init__(self, table_name: str, field_name: identifiers.FieldName) -> None:
        self._field_name = field_name
        self.table_name = table_name
        self.table = identifiers.root_table_name(table_name)
        self.requests: list[Request] = []
        self.steps: list[Parcel | Switch] = []
        # What was left out, with the first record that had it.
        self.notes: dict[Note, str] = {}
        self.ordinals = 0

    def add(self, request: Request, steps: Sequence[Step]) -> None:
        self.requests.append(request)
        for step in steps:
            if isinstance(step, Switch):
                self.steps.append(step)
            else:
                self._add_run(step)

    def _add_run(self, run: Run) -> None:
        parcel = self._parcel_for(run)
        count = len(run.records)
        parcel.records += count
        parcel.waiting += run.records
        fixed = parcel.fixed
        fixed[ORDINAL] += range(self.ordinals, self.ordinals + count)
        fixed[REQUEST] += [len(self.requests)] * count
        fixed[PLACE] += run.places
        parcel.take(run.sequences)
        fixed[EXTRACTED] += run.extracted
        self.ordinals += count
        if len(parcel.waiting) >= PIECE_RECORDS:
            self._flatten(parcel)

    def _parcel_for(self, run: Run) -> Parcel:
        """An earlier parcel, past those in between, only where no sequences are equal.

        Of records with equal sequences the one that was accepted first stays (OP-13).
        """
        for step in reversed(self.steps):
            if isinstance(step, Switch):
                break
            if (
                step.key_names == run.key_names
                and step.version == run.version
                and step.typing.same_as(run.typing)
            ):
                return step
            if step.may_tie_with(run.sequences):
                break
        parcel = self._new_parcel(run)
        self.steps.append(parcel)
        return parcel

    def _new_parcel(self, run: Run) -> Parcel:
        names = [self._field_name(raw) for raw in dict.fromkeys(run.key_names)]
        keys = tuple(name.text for name in names)
        return Parcel(
            run.key_names,
            keys,
            run.version,
            run.typing,
            self.table.problem or _key_problem(names),
        )

    def finish(self) -> None:
        for step in self.steps:
            if isinstance(step, Parcel) and step.waiting:
                self._flatten(step)

    def _flatten(self, parcel: Parcel) -> None:
        records, fixed = parcel.waiting, parcel.fixed
        parcel.waiting, parcel.fixed = [], _empty_fixed()
        if parcel.problem is not None:
            parcel.reject_all(records, parcel.problem)
            return
        if not are_ordinary_date_times(list(filter(None, fixed[EXTRACTED]))):
            fixed[EXTRACTED] = [text and date_time(text) for text in fixed[EXTRACTED]]
        record_of = dict(zip(fixed[ORDINAL], records, strict=True))
        try:
            piece = self._piece(parcel, records, fixed)
        except TooManyColumns:
            parcel.reject_all(records, TOO_MANY_COLUMNS)
            return
        if piece.rejected or piece.notes:
            self._tell(parcel, piece, record_of)
        if parcel.load is None:
            parcel.load = piece
        else:
            parcel.load.extend(piece)

    def _piece(
        self, parcel: Parcel, records: Sequence[Record], fixed: dict[str, list[Any]]
    ) -> TableLoad:
        return flatten(
            records,
            fixed,
            parcel.typing.rule,
            table=self.table.text,
            source_keys=parcel.keys or (identifiers.SURROGATE_KEY,),
            field_name=self._field_name,
        )

    def _tell(self, parcel: Parcel, piece: TableLoad, record_of: dict[int, Record]) -> None:
        text_of = parcel.typing.text_of
        for ordinal, reason in sorted(piece.rejected.items()):
            parcel.rejected.append(Rejected(text_of(record_of[ordinal]), reason))
        for note, ordinal in self._notes_of(parcel, piece, record_of).items():
            if note not in self.notes:
                self.notes[note] = text_of(record_of[ordinal])
        piece.drop(piece.rejected.__contains__)

    def _notes_of(
        self, parcel: Parcel, piece: TableLoad, record_of: dict[int, Record]
    ) -> dict[Note, int]:
        """With the first records that are loaded: a rejected one's whole text is told anyway."""
        if piece.rejected.keys().isdisjoint(piece.notes.values()):
            return piece.notes
        loaded = [ordinal for ordinal in record_of if ordinal not in piece.rejected]
        records = [record_of[ordinal] for ordinal in loaded]
        return self._piece(parcel, records, {ORDINAL: loaded}).notes


def _key_problem(names: Sequence[identifiers.Name]) -> str | None:
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
