"""Compare live projections with their folds over the log, in both directions, in one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from events import log
from events.log import AnyConnection
from events.sql_files import load_queries


class Projection(NamedTuple):
    """A projection and the package that can compare it.

    ``package`` has a statement named ``<table>_differences``, which takes the size of the log and
    returns ``side`` (fold or table: where the row is) and ``id``, a text that identifies the row.
    """

    package: str
    table: str


# The columns and the head of the log itself against its stored texts, which no fold can check.
LOG = Projection("events", "event")


class Difference(NamedTuple):
    table: str
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    size: int
    only_in_fold: list[Difference] = field(default_factory=list)
    only_in_table: list[Difference] = field(default_factory=list)

    @property
    def match(self) -> bool:
        return not self.only_in_fold and not self.only_in_table


async def compare(connection: AnyConnection, projections: Sequence[Projection]) -> Comparison:
    """Call it in a REPEATABLE READ transaction, so that log and tables are read in one snapshot.

    A row with different columns is reported on both sides.
    """
    await connection.execute(load_queries("events")["room_to_compare"])
    size = await log.size(connection)
    comparison = Comparison(size=size)
    for package, table in projections:
        rows = await connection.fetch(load_queries(package)[f"{table}_differences"], size)
        for row in rows:
            side = comparison.only_in_fold if row["side"] == "fold" else comparison.only_in_table
            side.append(Difference(table, row["id"]))
    return comparison
