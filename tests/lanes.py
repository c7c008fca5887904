"""A plugin: what of the tests a process collects, by ``PUSHGATE_TEST_LANE``; without it, all.

``make test`` runs the lanes ``system`` and ``data`` next to each other: one starts whole systems
and a browser, the other works on databases and values, and neither reads the other's files. The
lane ``more`` has what takes long: programs that are killed, foreign clients, generated requests,
and installations on data of an earlier version; ``make check`` runs it after them.
"""

import os
from pathlib import Path

import pytest

VARIABLE = "PUSHGATE_TEST_LANE"
TESTS = Path(__file__).parent

FOLDERS = {
    "system": {
        *("browser", "cli", "deploy", "docs", "launcher", "openapi", "relay", "system"),
    },
    "data": {
        *("client", "database", "events", "history", "house", "ingest", "loader", "protocol"),
        *("runtime", "specs", "tokens", "wire"),
    },
}
# Folders and files; they are in no other lane.
MORE = {
    "cli/test_demo.py",
    "clients",
    "compat",
    "history/test_crashes.py",
    "history/test_signer_program.py",
    "ingest/test_fuzz.py",
    "launcher/test_supervisor.py",
    "loader/test_crash.py",
    "openapi/test_schemathesis.py",
    "protocol/test_fuzz.py",
    "relay/test_kills.py",
    "relay/test_real_clients.py",
    "system/test_kills.py",
    "system/test_outbox.py",
    "tokens/test_fuzz.py",
}
LANES = {*FOLDERS, "more"}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    lane = os.environ.get(VARIABLE)
    if not lane or not collection_path.is_relative_to(TESTS) or collection_path == TESTS:
        return None
    if lane not in LANES:
        raise pytest.UsageError(f"{VARIABLE} is one of {', '.join(sorted(LANES))}")
    # None leaves it to pytest, which has reasons of its own to ignore a file.
    return None if is_in(lane, collection_path.relative_to(TESTS)) else True


def is_in(lane: str, path: Path) -> bool:
    """``path``: relative to tests/, a file or a folder."""
    in_more = path.as_posix() in MORE or path.parts[0] in MORE
    if lane == "more":
        return in_more or any(each.startswith(f"{path.as_posix()}/") for each in MORE)
    return not in_more and path.parts[0] in FOLDERS[lane]
