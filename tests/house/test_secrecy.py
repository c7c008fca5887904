"""The run's canary bites; what it looks at is in tests/secrecy.py."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asyncpg import Connection, Record

from protocol.token_text import token_text
from tests.canary import pytest_runtest_makereport
from tests.database.emptying import empty
from tests.secrecy import (
    TokenLeft,
    refuse_tokens_in_files,
    refuse_tokens_in_rows,
    tokens_in,
)

CANARY = token_text("at_", 7)
MADE_UP = "at_" + "x" * 49


@pytest.mark.parametrize("canary", [CANARY, token_text("ac_", 7)], ids=["at", "ac"])
@pytest.mark.parametrize("around", ["{}", '"token": "{}"', "/v4/{}/x", "Bearer%20{}?"])
def test_a_token_is_seen_in_text(canary: str, around: str) -> None:
    assert tokens_in(around.format(canary)) == {canary}


def test_a_token_is_seen_in_bytes_that_are_shown_as_hexadecimal() -> None:
    assert tokens_in(f"(1,\\x00{CANARY.encode().hex()}ff)") == {CANARY}


def test_what_only_looks_like_a_token_is_none() -> None:
    assert tokens_in(f"{MADE_UP} \\x{MADE_UP.encode().hex()}") == set()


def test_a_file_with_a_token_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\xff" + f"\nsaid {CANARY}".encode())

    with pytest.raises(TokenLeft, match=r"a\.log"):
        refuse_tokens_in_files(tmp_path.iterdir())


@pytest.mark.parametrize("shown", [CANARY, CANARY.encode()], ids=["text", "bytes"])
async def test_a_table_with_a_token_is_named(
    database: Connection[Record], shown: str | bytes
) -> None:
    kind = "text" if isinstance(shown, str) else "bytea"
    await database.execute(f"CREATE TEMPORARY TABLE leaking (a int, b {kind})")
    await refuse_tokens_in_rows(database)
    await database.execute("INSERT INTO leaking VALUES (1, $1)", shown)

    with pytest.raises(TokenLeft, match="leaking"):
        await refuse_tokens_in_rows(database)


@pytest.mark.parametrize(
    ("said", "outcome"), [(CANARY, "failed"), (MADE_UP, "passed")], ids=["token", "made up"]
)
def test_a_test_that_prints_a_token_fails(said: str, outcome: str) -> None:
    report: Any = SimpleNamespace(
        passed=True, outcome="passed", sections=[("Captured stderr call", f"I got {said}")]
    )
    item: Any = SimpleNamespace(nodeid="test_x")
    call: Any = SimpleNamespace(when="call")
    hook = pytest_runtest_makereport(item, call)
    next(hook)

    with pytest.raises(StopIteration) as stopped:
        hook.send(report)

    assert stopped.value.value.outcome == outcome


async def test_emptying_names_the_table_that_held_a_token(database: Connection[Record]) -> None:
    await database.execute("INSERT INTO tokens.token_labels VALUES (1, $1)", f"my {CANARY}")

    with pytest.raises(TokenLeft, match="token_labels"):
        await empty(database)
    await empty(database)
