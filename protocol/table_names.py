"""Convert table names to what PostgreSQL can store."""

from collections.abc import Mapping


def storable(table_name: str) -> str:
    """The name without U+0000, which PostgreSQL text cannot contain (loading behaviour OP-30)."""
    return table_name.replace("\0", "")


def merged(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Storable names with their numbers of records, in order of first appearance."""
    if not any("\0" in name for name in counts):
        return tuple(counts.items())
    tables: dict[str, int] = {}
    for name, count in counts.items():
        tables[storable(name)] = tables.get(storable(name), 0) + count
    return tuple(tables.items())


def is_blank(table_name: str) -> bool:
    return not storable(table_name).strip()
