"""Which of several records with the same key stays (loading behaviour 4.2, step 3). Pure."""

from collections.abc import Iterable, Sequence

from services.loader.parsing.rows import ORDINAL, RECORD_INDEX, REQUEST, ROW_SEQUENCE, TableRows
from services.loader.schema.column_types import ColumnKey, ColumnKind

# Values of these kinds that differ in Python can be equal in PostgreSQL, such as 1.0 and 1.00.
_COMPARED_BY_DATABASE = (ColumnKind.TIMESTAMP, ColumnKind.NUMERIC, ColumnKind.DOUBLE)


def is_compared_by_database(kinds: Iterable[ColumnKind]) -> bool:
    """Whether only PostgreSQL can compare keys with columns of these kinds."""
    return any(kind in _COMPARED_BY_DATABASE for kind in kinds)


def superseded_rows(root: TableRows, key: Sequence[ColumnKey]) -> set[int]:
    """The ordinals of records that are not the latest of their key.

    The latest has the greatest sequence; of equal sequences that of the earlier request, and in one
    request the later record.
    """
    keys = list(zip(*[root.columns[column] for column in key], strict=True))
    if len(set(keys)) == root.size:
        return set()
    ranks = zip(
        root.fixed[ROW_SEQUENCE],
        [-request for request in root.fixed[REQUEST]],
        root.fixed[RECORD_INDEX],
        root.fixed[ORDINAL],
        strict=True,
    )
    best: dict[tuple[object, ...], tuple[int, int, int, int]] = {}
    superseded: set[int] = set()
    for values, rank in zip(keys, ranks, strict=True):
        present = best.setdefault(values, rank)
        if rank > present:
            best[values] = rank
            superseded.add(present[3])
        elif rank < present:
            superseded.add(rank[3])
    return superseded
