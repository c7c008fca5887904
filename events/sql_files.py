"""Load the named statements of a package from its ``sql/queries.sql`` (``-- name: …``)."""

import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME_LINE = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load_queries(package: str) -> MappingProxyType[str, str]:
    """Statements by name. Reads the file once, blocking; call it at start-up."""
    text = files(package).joinpath("sql", "queries.sql").read_text("utf-8")
    pieces = _NAME_LINE.split(text)[1:]
    names, statements = pieces[::2], pieces[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/sql/queries.sql names a statement twice")
    return MappingProxyType(
        {name: statement.strip() for name, statement in zip(names, statements, strict=True)}
    )
