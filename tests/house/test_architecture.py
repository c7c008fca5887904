"""What the pages on the architecture name is where they say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT, nodes, said

PAGES = ("docs/architecture.md", "docs/where-is-it-decided.md")
# `services/ingest/`, `services/ingest/app.py`, `x/y.py:function`, `x/y.py:Class.method`,
# `x/sql/a.sql:name`.
_NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]*?)(?::([\w.]+))?`")
_STATEMENT = (
    r"(?m)^-- name: {0}\b|^CREATE (?:OR REPLACE )?(?:FUNCTION|TABLE|VIEW|TRIGGER) (?:\w+\.)?{0}\b"
)


def named_places() -> list[tuple[str, str, str]]:
    """Page, path and name; the name is empty for a whole file or folder."""
    return [
        (page, match[1], match[2] or "")
        for page in PAGES
        if (ROOT / page).exists()
        for match in _NAMED.finditer((ROOT / page).read_text("utf-8"))
        if match[1].partition("/")[0] in {path.name for path in ROOT.iterdir()}
    ]


def test_every_file_and_function_that_a_page_names_exists() -> None:
    missing = [
        f"{page}: {path}{':' if name else ''}{name}"
        for page, path, name in named_places()
        if not _exists(path, name)
    ]

    assert not missing, said(missing)


def _exists(path: str, name: str) -> bool:
    file = ROOT / path
    if not name:
        return file.exists()
    if not file.is_file():
        return False
    if file.suffix == ".sql":
        last = re.escape(name.rpartition(".")[2])
        return re.search(_STATEMENT.format(last), file.read_text("utf-8")) is not None
    return name in _defined_in(Path(path))


def _defined_in(path: Path) -> set[str]:
    """``function``, ``CONSTANT``, ``Class``, ``Class.method``."""
    (module,) = (node for node in nodes(path) if isinstance(node, ast.Module))
    return set(_names(module.body, ""))


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + node.name
            case ast.ClassDef():
                yield prefix + node.name
                yield from _names(node.body, f"{prefix}{node.name}.")
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name
            case _:
                pass


@pytest.mark.parametrize(
    ("path", "name", "is_there"),
    [
        ("tests/house/test_architecture.py", "_exists", True),
        ("tests/house/test_architecture.py", "gone", False),
        ("tests/house/words.py", "Name.words", True),
        ("tests/house/words.py", "Name.gone", False),
        ("tests/house/", "", True),
        ("tests/house/gone.py", "", False),
        ("tests/house/gone.py", "f", False),
        ("events/sql/0001_log.sql", "append", True),
        ("events/sql/0001_log.sql", "gone", False),
    ],
)
def test_a_place_is_looked_up(path: str, name: str, is_there: bool) -> None:  # noqa: FBT001 - a table
    assert _exists(path, name) is is_there
