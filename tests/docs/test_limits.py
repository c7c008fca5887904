"""docs/reference/limits.md has the values of the code, and all of the files of limits."""

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

import cli.push.limits
import protocol.limits
import pushgate_client.limits
import services.tokens.limits

PAGE = Path("docs/reference/limits.md").read_text("utf-8")
ROW = re.compile(r"^\| [^|]+ \| (-?[\d,.]+) \| [^|]*\| `([\w.]+)` \|$", re.MULTILINE)
ROWS = [(name, value) for value, name in ROW.findall(PAGE)]
FILES = (protocol.limits, services.tokens.limits, cli.push.limits, pushgate_client.limits)


def value_in_the_code(name: str) -> object:
    """A constant of a module, or a default of a dataclass in it."""
    owner, _, last = name.rpartition(".")
    module, _, cls = owner.rpartition(".")
    if not cls[:1].isupper():
        return vars(import_module(owner))[last]
    (field,) = [field for field in fields(vars(import_module(module))[cls]) if field.name == last]
    return field.default


@pytest.mark.parametrize(("name", "value"), ROWS, ids=[name for name, _ in ROWS])
def test_a_value_is_that_of_the_code(name: str, value: str) -> None:
    number = value.replace(",", "")

    assert (float(number) if "." in number else int(number)) == value_in_the_code(name)


def test_every_limit_of_the_files_of_limits_is_told() -> None:
    constants = {
        f"{file.__name__}.{line.split(' =')[0]}"
        for file in FILES
        for line in Path(str(file.__file__)).read_text("utf-8").splitlines()
        if re.match(r"[A-Z_]+ = ", line)
    }

    assert constants <= {name for name, _ in ROWS}


def test_every_row_was_understood() -> None:
    tables = [line for line in PAGE.splitlines() if line.startswith("| ")]
    headings = [line for line in tables if line.startswith("| limit |")]

    assert len(ROWS) == len(tables) - len(headings)
