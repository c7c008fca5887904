"""Our own source files, as the house tests read them."""

import ast
import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What the linter and the virtual environment keep beside, and what is made.
NOT_OURS = {"build", "__pycache__", "node_modules"}


def python_files(*folders: str) -> Iterator[Path]:
    """Relative to the root; all of them when no folder is named."""
    for path in _all_python_files():
        if not folders or path.parts[0] in folders:
            yield path


@cache
def _all_python_files() -> list[Path]:
    found = []
    for directory, below, files in os.walk(ROOT):
        # Not even looked into: an environment holds far more files than we have.
        below[:] = [name for name in below if not name.startswith(".") and name not in NOT_OURS]
        found += [Path(directory, name) for name in files if name.endswith(".py")]
    return sorted(path.relative_to(ROOT) for path in found)


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Of its syntax tree."""
    found = list(ast.walk(ast.parse((ROOT / path).read_text("utf-8"))))
    # Millions of objects, kept to the end: without this, whatever runs afterwards would look
    # through them for garbage.
    gc.freeze()
    return found


def lines(path: Path) -> list[str]:
    return (ROOT / path).read_text("utf-8").splitlines()


def said(found: list[str]) -> str:
    return "\n" + "\n".join(found)
