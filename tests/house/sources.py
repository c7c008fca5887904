"""Our own source files, as the house tests read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What the linter and the virtual environment keep beside, and what is made.
NOT_OURS = {"build", "__pycache__", "node_modules"}


def python_files(*folders: str) -> Iterator[Path]:
    """Relative to the root; all of them when no folder is named."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        ours = not any(part.startswith(".") or part in NOT_OURS for part in parts)
        if ours and (not folders or parts[0] in folders):
            yield path.relative_to(ROOT)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"))


def lines(path: Path) -> list[str]:
    return (ROOT / path).read_text("utf-8").splitlines()


def said(found: list[str]) -> str:
    return "\n" + "\n".join(found)
