"""Folders of a service stand on few floors and know no circles; no import is looked away from."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.house.sources import ROOT, nodes, python_files, said

FLOORS_MAX = 6
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/__init__.py"))
CONTAINERS = [*(f"services/{name}" for name in SERVICES), "services/tokens/web", "cli"]
# Where folders still import each other; none may be added.
CIRCLES_LEFT = {"cli"}


def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return contracts


def test_no_import_is_ignored() -> None:
    assert [each["name"] for each in _contracts() if "ignore_imports" in each] == []


def test_layers_inside_a_package_are_exhaustive() -> None:
    layers = [each for each in _contracts() if each["type"] == "layers" and "containers" in each]

    assert layers
    assert [each["name"] for each in layers if not each.get("exhaustive")] == []


@pytest.mark.parametrize("container", CONTAINERS)
def test_parts_of_a_package_do_not_import_each_other_in_a_circle(container: str) -> None:
    circles = circles_in(parts_imported_by_parts(Path(container)))

    assert not circles, said(circles)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_service_has_few_floors(container: str) -> None:
    arrows = parts_imported_by_parts(Path(container))
    assert not circles_in(arrows), "floors are counted where there are no circles"
    chain = max((longest_chain(arrows, part) for part in arrows), key=floors, default=())

    assert floors(chain) <= FLOORS_MAX, f"{floors(chain)} floors: {' → '.join(chain)}"


@cache
def parts_imported_by_parts(container: Path) -> dict[str, frozenset[str]]:
    """A part is a folder (``writing/``) or a file (``app``) directly in the container."""
    found: dict[str, set[str]] = {}
    prefix = (*container.parts,)
    for path in python_files(container.parts[0]):
        if path.parts[: len(prefix)] == prefix and path.name != "__init__.py":
            part = _part(path.with_suffix("").parts[len(prefix) :])
            imported = {
                _part(module[len(prefix) :])
                for module in _imports(path)
                if module[: len(prefix)] == prefix and len(module) > len(prefix)
            }
            found.setdefault(part, set()).update(imported - {part})
    return {part: frozenset(imported & found.keys()) for part, imported in found.items()}


def _part(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}/"


def _imports(path: Path) -> Iterator[tuple[str, ...]]:
    """As parts of dotted names that are modules of ours."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (tuple(each.name.split(".")) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = tuple(node.module.split("."))
            for each in node.names:
                longer = (*module, each.name)
                is_module = (ROOT / Path(*longer)).with_suffix(".py").exists()
                yield longer if is_module or (ROOT / Path(*longer)).is_dir() else _in_file(module)


def _in_file(module: tuple[str, ...]) -> tuple[str, ...]:
    """What is imported of a folder stands in its ``__init__``."""
    return (*module, "__init__") if (ROOT / Path(*module)).is_dir() else module


def circles_in(arrows: dict[str, frozenset[str]]) -> list[str]:
    return sorted(
        f"{part} imports {other}, and that imports {part} again"
        for part, imported in arrows.items()
        for other in imported
        if part in _reached_from(arrows, other)
    )


def _reached_from(arrows: dict[str, frozenset[str]], part: str) -> set[str]:
    reached: set[str] = set()
    following = [part]
    while following:
        new = arrows[following.pop()] - reached
        reached |= new
        following += new
    return reached


def longest_chain(arrows: dict[str, frozenset[str]], part: str) -> tuple[str, ...]:
    """Of imports, from this part down."""
    below = [longest_chain(arrows, other) for other in sorted(arrows[part])]
    return (part, *max(below, key=_folders_first, default=()))


def _folders_first(chain: tuple[str, ...]) -> tuple[int, int]:
    return sum(part.endswith("/") for part in chain), floors(chain)


def floors(chain: tuple[str, ...]) -> int:
    """Each folder is one; all files directly in the package are one together."""
    folders = sum(part.endswith("/") for part in chain)
    return folders + (folders < len(chain))
