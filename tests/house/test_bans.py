"""What no line of ours may do, each with the way out."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.house.sources import lines, nodes, python_files, said

PRODUCT = ("audit", "cli", "demo", "events", "protocol", "services")

CLIENT_CLOCK = "client/pushgate_client/clock.py"
# What is banned, the way out, and the only files that may.
BANNED_CALLS = [
    ("datetime.now", "ask the Clock", {"services/runtime/clock.py"}),
    ("datetime.utcnow", "ask the Clock", set()),
    ("time.time", "ask the Clock", {"services/runtime/clock.py"}),
    ("time.time_ns", "ask the Clock", {"services/runtime/clock.py", CLIENT_CLOCK}),
    ("uuid4", "make ids in events/ids.py", {"events/ids.py"}),
    ("uuid.uuid4", "make ids in events/ids.py", {"events/ids.py"}),
]
MAY_REST = {
    "tests/eventually.py",  # between two looks at a condition
    "tests/compose/steps.py",  # likewise, and says what was not so as its own kind of failure
    "tests/system/outbox_app.py",  # an app between two pushes
    "tests/compose/load.py",  # a client that was refused rests before it sends again
}
BANNED_IN_TESTS = [
    ("time.sleep", "wait for a condition: tests/eventually.py", set()),
    ("asyncio.sleep", "wait for a condition: tests/eventually.py", MAY_REST),
]
# Where text of statements is put together, because a name in it cannot be a parameter.
MAKES_STATEMENTS = {
    "services/runtime/migrations.py",  # roles and databases
    "services/launcher/databases.py",  # CREATE DATABASE
    "audit/provenance.py",  # names of customers' tables
}
STATEMENT = re.compile(
    r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|GRANT|REVOKE|COPY|TRUNCATE)\s"
)


@pytest.mark.parametrize(
    ("call", "way_out", "allowed"), BANNED_CALLS, ids=[call for call, _, _ in BANNED_CALLS]
)
def test_the_product_does_not_call(call: str, way_out: str, allowed: set[str]) -> None:
    found = _calls(call, python_files(*PRODUCT, "client"), way_out, allowed)

    assert not found, said(found)


@pytest.mark.parametrize(
    ("call", "way_out", "allowed"), BANNED_IN_TESTS, ids=[call for call, _, _ in BANNED_IN_TESTS]
)
def test_no_test_sleeps(call: str, way_out: str, allowed: set[str]) -> None:
    found = _calls(call, python_files("tests"), way_out, allowed)

    assert not found, said(found)


def test_nobody_imports_a_mock() -> None:
    found = [
        f"{path}:{node.lineno}: unittest.mock: write a fake that passes the real one's tests"
        for path in python_files()
        for node in nodes(path)
        if isinstance(node, ast.Import | ast.ImportFrom) and _imports_unittest(node)
    ]

    assert not found, said(found)


def test_statements_stand_in_sql_files() -> None:
    """An f-string that begins like a statement is one that nobody can prepare in a test."""
    found = [
        f"{path}:{node.lineno}: put the statement into sql/queries.sql and give it a name"
        for path in python_files(*PRODUCT)
        for node in nodes(path)
        if isinstance(node, ast.JoinedStr)
        and path.parts[:2] != ("services", "loader")
        and str(path) not in MAKES_STATEMENTS
        and STATEMENT.match(_first_text(node))
    ]

    assert not found, said(found)


def test_a_silenced_rule_has_a_reason_beside_it() -> None:
    silenced = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)$")
    reason = re.compile(r"^(:\s*[A-Z0-9, ]+|\[[a-z, -]+\])\s*(#|-|\u2014)\s*\S+")
    found = [
        f"{path}:{number}: say why after the code: `# noqa: X123 - reason`"
        for path in python_files()
        if path != Path("tests/house/test_bans.py")
        for number, line in enumerate(lines(path), start=1)
        if (match := silenced.search(line)) and not reason.match(match["rest"])
    ]

    assert not found, said(found)


def _calls(call: str, paths: Iterable[Path], way_out: str, allowed: set[str]) -> list[str]:
    return [
        f"{path}:{node.lineno}: {call}: {way_out}"
        for path in paths
        if str(path) not in allowed
        for node in nodes(path)
        if isinstance(node, ast.Attribute | ast.Name) and _dotted(node) == call
    ]


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _imports_unittest(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == "unittest"
    return any(name.name.partition(".")[0] == "unittest" for name in node.names)


def _first_text(node: ast.JoinedStr) -> str:
    first = node.values[0] if node.values else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
