"""Finds the records that the destination refuses, by a trial insert of each record.

Run when the destination has refused a statement over many records. One PL/pgSQL function inserts
record after record and takes each back. Halving the load until every bad record is alone would
need a statement, and a lock, for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from services.loader.catalog.connection import DestinationConnection
from services.loader.parsing import rows
from services.loader.writing.staging import temporary_name
from services.loader.writing.upsert import RootInsert, StatementParameters, SubTableInsert

# Errors that a record's values cause: the destination refuses a value, or a row that is too large
# for a page, or the driver cannot encode a value.
CAUSED_BY_RECORD = (
    asyncpg.DataError,
    asyncpg.CardinalityViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    ValueError,
)
# The same condition in PL/pgSQL.
_CAUSED_BY_RECORD_SQL = "SQLSTATE LIKE '22%' OR SQLSTATE IN ('21000', '54000')"
_PROGRAM_LIMIT_EXCEEDED = "54000"

_ACCEPTED = "PG001"

# The variable of a trial function with the id of the record that it tries.
TRIED = "trial.tried"


class RejectedRow(NamedTuple):
    """The record's ordinal, and the destination's error."""

    ordinal: int
    sqlstate: str
    message: str


def is_statement_limit(error: Exception) -> bool:
    """Whether it is a subclass of ProgramLimitExceededError: these do not concern one row."""
    return (
        isinstance(error, asyncpg.ProgramLimitExceededError)
        and error.sqlstate != _PROGRAM_LIMIT_EXCEEDED
    )


async def find_rejected_rows(
    connection: DestinationConnection,
    root: RootInsert,
    sub_tables: Sequence[SubTableInsert],
    parameters: StatementParameters,
) -> list[RejectedRow]:
    """The records that the destination refuses. Undoes everything that it did.

    ``parameters`` are those of all the inserts; their staging tables are filled here.
    """
    statements = [root.statement(where=f"s.{rows.ORDINAL} = {TRIED}")]
    for insert in sub_tables:
        # Rows of an earlier version of the record are still in the sub-table.
        where = f"WHERE s.{rows.ROOT} = {TRIED} ON CONFLICT DO NOTHING"
        statements.append(f"{insert.statement()} {where}")
    trial = connection.transaction()
    await trial.start()
    try:
        staged = [(root.staging, rows.ORDINAL), *((each.staging, rows.ROOT) for each in sub_tables)]
        for staging, column in staged:
            await staging.fill(connection)
            name = staging.name
            await connection.execute(f"CREATE INDEX ON {name} ({column}); ANALYZE {name}")
        ordinals = f"SELECT s.{rows.ORDINAL} FROM {root.staging.name} s ORDER BY 1"
        function = await create_trial_function(
            connection, ordinals, "int", statements, parameters.types
        )
        given = ", ".join([f"${i}" for i in range(1, len(parameters.values) + 1)])
        found = await connection.fetch_long(
            f"SELECT * FROM {function}({given})", *parameters.values
        )
    finally:
        await trial.rollback()
    return [RejectedRow(*row) for row in found]


async def create_trial_function(
    connection: DestinationConnection,
    ids: str,
    id_type: str,
    statements: Sequence[str],
    parameter_types: Sequence[str] = (),
) -> str:
    """Creates a function that tries ``statements`` for each of the ``ids``; returns its name.

    In the statements the id is ``TRIED``. The function returns a row with id, SQLSTATE and message
    for each record that the destination refuses, and changes nothing.
    """
    name = f"pg_temp.{temporary_name()}_trial"
    body = "; ".join(statements)
    await connection.execute(
        f"CREATE FUNCTION {name}({', '.join(parameter_types)})"
        f" RETURNS TABLE (refused_id {id_type}, state text, message text)"
        " LANGUAGE plpgsql AS $pushgate$\n#variable_conflict use_column\n"
        f"<<trial>> DECLARE tried {id_type}; BEGIN"
        f" FOR tried IN {ids} LOOP BEGIN"
        f" {body}; RAISE EXCEPTION 'accepted' USING ERRCODE = '{_ACCEPTED}';"
        f" EXCEPTION WHEN OTHERS THEN IF {_CAUSED_BY_RECORD_SQL} THEN"
        " refused_id := tried; state := SQLSTATE; message := SQLERRM; RETURN NEXT;"
        " END IF; END; END LOOP; END $pushgate$"
    )
    return name
