"""Looks for texts that may stand nowhere: tokens, passwords and one-time links."""

import asyncio
from collections.abc import Sequence

from demo.checks import expect
from tests.compose.stack import PROGRAMS, Stack, run

DATABASES = ("pushgate", "pushgate_destination")


async def look_everywhere(stack: Stack, tokens: Sequence[str]) -> None:
    """In the logs of every container since it was made, in metrics, and in both databases whole.

    The migrate step's first answer, which shows a Connect token once, went with its container.
    """
    wanted = [*tokens, *stack.secrets()]
    places = {"the logs": await asyncio.to_thread(stack.logs)}
    for program in PROGRAMS:
        (container,) = stack.containers(program)
        places[f"{program}'s metrics"] = await asyncio.to_thread(stack.metrics, container)
    for database in DATABASES:
        places[f"database {database}"] = await asyncio.to_thread(_dump, stack, database)
    found = {place for place, text in places.items() for secret in wanted if secret in text}
    expect("places that hold a secret", sorted(found), [])


def _dump(stack: Stack, database: str) -> str:
    """Every row of every table as text; bytes in hexadecimal."""
    (postgres,) = stack.containers("postgres")
    every_table = (
        "SELECT format('COPY (SELECT t::text FROM %s t) TO STDOUT;', c.oid::regclass)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema') \\gexec"
    )
    psql = f"PGPASSWORD=$POSTGRES_PASSWORD psql -qAtX -h 127.0.0.1 -U postgres -d {database}"
    return run("docker", "exec", postgres, "sh", "-c", f'echo "$1" | {psql}', "sh", every_table)
