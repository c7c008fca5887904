"""One noun, one meaning: a class or an alias of a type has a name that no other has."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

from tests.house.sources import nodes, python_files, said
from tests.house.words import PRODUCT

TABLE = tomllib.loads((Path(__file__).parent / "nouns.toml").read_text())


def nouns() -> dict[str, list[str]]:
    """Where each is defined; a leading underscore makes no other name of it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in python_files(*PRODUCT):
        for node in nodes(path):
            for name in _defined_by(node):
                found[name.lstrip("_")].add(str(path))
    return {name: sorted(places) for name, places in found.items()}


def _defined_by(node: ast.AST) -> list[str]:
    match node:
        case ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            assigned = targets
        case ast.AnnAssign(target=target):
            assigned = [target]
        case _:
            return []
    return [one.id for one in assigned if isinstance(one, ast.Name) and _is_a_type(one.id)]


def _is_a_type(name: str) -> bool:
    text = name.lstrip("_")
    return text[:1].isupper() and not text.isupper() and any(map(str.islower, text))


def test_a_noun_is_defined_once() -> None:
    found = {name: places for name, places in nouns().items() if len(places) > 1}
    too_many = [
        f"{name}: {', '.join(places)}: give each its own word"
        for name, places in sorted(found.items())
    ]

    assert not too_many, said(too_many)


def test_every_noun_that_had_two_meanings_has_new_names_that_exist() -> None:
    defined = nouns()
    missing = [
        f"{old}: {new} is not defined"
        for old, names in TABLE["renamed"].items()
        for new in names.values()
        if new not in defined
    ]

    assert not missing, said(missing)
