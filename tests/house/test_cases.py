"""Every case that was listed for us has a test that bears its name."""

import ast
import functools
import re
from pathlib import Path

import pytest

WIRE = Path("tests/wire")
HOSTILE = Path("tests/ingest/hostile_inputs.txt")
_NAMED = re.compile(r"test_([a-z]{2})_(\d\d)_")


def listed_ids() -> list[str]:
    """Of the wire contract, section 7."""
    return (WIRE / "ids.txt").read_text("utf-8").split()


@functools.cache
def functions_of(path: Path) -> list[str]:
    """Those at the top of the file, as tests are."""
    body = ast.parse(path.read_text("utf-8")).body
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [node.name for node in body if isinstance(node, kinds)]


def ids_with_a_test() -> set[str]:
    """By golden files, one or several for a case, and by the names of tests."""
    files = [*WIRE.glob("*.http"), *(WIRE / "scenes").glob("*.http")]
    by_file = {"-".join(path.stem.split("-")[:2]) for path in files}
    names = [name for path in Path("tests").rglob("test_*.py") for name in functions_of(path)]
    found = [match for name in names if (match := _NAMED.match(name))]
    return by_file | {f"{match[1].upper()}-{match[2]}" for match in found}


def test_every_case_of_the_wire_contract_has_a_test() -> None:
    assert len(listed_ids()) == 94
    assert sorted(set(listed_ids()) - ids_with_a_test()) == []


def test_every_golden_file_bears_the_name_of_a_case() -> None:
    files = [*WIRE.glob("*.http"), *(WIRE / "scenes").glob("*.http")]

    assert {"-".join(path.stem.split("-")[:2]) for path in files} <= set(listed_ids())


def hostile_inputs() -> dict[int, list[tuple[Path, str]]]:
    """A line of the list is ``number what``; indented below it, ``file::test``."""
    found: dict[int, list[tuple[Path, str]]] = {}
    number = 0
    for line in HOSTILE.read_text("utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        if line.startswith(" "):
            path, _, test = line.strip().partition("::")
            found[number].append((Path(path), test))
        else:
            number = int(line.split()[0])
            found[number] = []
    return found


def test_all_thirty_hostile_inputs_are_listed() -> None:
    assert list(hostile_inputs()) == list(range(1, 31))


@pytest.mark.parametrize("number", range(1, 31))
def test_a_hostile_input_has_tests(number: int) -> None:
    tests = hostile_inputs()[number]

    assert tests
    assert [(path, test) for path, test in tests if test not in functions_of(path)] == []
