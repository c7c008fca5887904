"""Which records the destination refuses when it refused some of a load: it is asked for each.

One function of PL/pgSQL tries record after record and takes each back. Cutting the load in halves
until every bad record stands alone would need a statement, and a lock, for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.loader.catalog.catalog import DestinationConnection
from services.loader.parsing import rows
from services.loader.parsing.parse_throttle import ParseThrottle
from services.loader.writing.staging import StagingTable, StatementParameters

# Of errors that a record's values can be blamed for: a value, or a page that is too small for it.
_CAUSED_BY_RECORD = "SQLSTATE LIKE '22%' OR SQLSTATE IN ('21000', '54000')"
_FITS = "PG001"


class RejectedRow(NamedTuple):
    """The record's ordinal, and what the destination said."""

    ordinal: int
    sqlstate: str
    message: str


async def find_rejected_rows(
    connection: DestinationConnection,
    pace: ParseThrottle,
    root: StagingTable,
    children: Sequence[StagingTable],
    *,
    statements: Sequence[str],
    parameters: StatementParameters,
) -> list[RejectedRow]:
    """The records that it refuses. Nothing is left of the trial.

    ``statements`` put the staged rows of one record into its tables: the one whose ordinal is
    called ``judged`` there.
    """
    trial = connection.transaction()
    await trial.start()
    try:
        for staging, column in [(root, rows.ORDINAL), *((child, rows.ROOT) for child in children)]:
            await staging.fill(connection)
            await connection.execute(
                f"CREATE INDEX ON {staging.name} ({column}); ANALYZE {staging.name}"
            )
        name = f"pg_temp.{root.name}_judge"
        asked = f"SELECT s.{rows.ORDINAL} FROM {root.name} s ORDER BY 1"
        await connection.execute(trial_function(name, "int", asked, statements, parameters.kinds))
        given = ", ".join([f"${i}" for i in range(1, len(parameters.values) + 1)])
        asking = f"SELECT * FROM {name}({given})"
        found = await pace.fetch_long(connection, asking, parameters.values)
    finally:
        await trial.rollback()
    return [RejectedRow(*row) for row in found]


def trial_function(
    name: str, id_type: str, asked: str, statements: Sequence[str], kinds: Sequence[str] = ()
) -> str:
    """Its definition: it tries ``statements`` for each id that ``asked`` gives.

    There it is called ``judged``, or ``trial.judged`` where a column may have that name.
    """
    body = "; ".join(statements)
    return (
        f"CREATE FUNCTION {name}({', '.join(kinds)})"
        f" RETURNS TABLE (bad {id_type}, state text, message text) LANGUAGE plpgsql AS $pushgate$"
        "\n#variable_conflict use_column\n"
        f"<<trial>> DECLARE judged {id_type}; BEGIN"
        f" FOR judged IN {asked} LOOP BEGIN"
        f" {body}; RAISE EXCEPTION 'fits' USING ERRCODE = '{_FITS}';"
        f" EXCEPTION WHEN OTHERS THEN IF {_CAUSED_BY_RECORD} THEN"
        " bad := judged; state := SQLSTATE; message := SQLERRM; RETURN NEXT;"
        " END IF; END; END LOOP; END $pushgate$"
    )
