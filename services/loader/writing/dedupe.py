"""Which of several records with one key stays (loading behaviour 4.2, step 3). Pure."""

from collections.abc import Mapping

from services.loader.parsing.rows import ORDINAL, RECORD_INDEX, REQUEST, ROW_SEQUENCE, TableRows
from services.loader.schema.column_types import ColumnKind

# Different texts, or values that Python and PostgreSQL compare differently, may be one key.
_COMPARED_BY_DATABASE = (ColumnKind.TIMESTAMP, ColumnKind.NUMERIC, ColumnKind.DOUBLE)


def is_compared_by_database(kinds: Mapping[str, ColumnKind]) -> bool:
    return any(kind in _COMPARED_BY_DATABASE for kind in kinds.values())


def superseded_rows(root: TableRows, kinds: Mapping[str, ColumnKind]) -> set[int]:
    """Ordinals of the records that another one with the same key beats.

    The greatest sequence wins; of equal ones the earlier request's; inside it the later message.
    """
    keys = list(zip(*[root.columns[key, kind] for key, kind in kinds.items()], strict=True))
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
    lost: set[int] = set()
    for key, rank in zip(keys, ranks, strict=True):
        present = best.setdefault(key, rank)
        if rank > present:
            best[key] = rank
            lost.add(present[3])
        elif rank < present:
            lost.add(rank[3])
    return lost
