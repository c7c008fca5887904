"""Who our children are, on disk, so that the next run finds those that outlived this one."""

import contextlib
import os
import signal
import time
from collections.abc import Callable

from services.launcher.data_directory import DataDirectory
from services.launcher.process_identity import start_time
from services.runtime.private_files import read_private_json, write_private_json

# Programs whose parent is gone have been stopping since, with a limit of their own.
TERMINATE_SECONDS_MAX = 10.0
KILL_SECONDS_MAX = 5.0
POLL_SECONDS = 0.05


def record_child(directory: DataDirectory, program: str, pid: int) -> None:
    children = read_private_json(directory.children_file)
    children[program] = {"pid": pid, "started": start_time(pid)}
    write_private_json(directory.children_file, children)


def stop_orphans(directory: DataDirectory, print_notice: Callable[[str], None]) -> None:
    """Ends the programs that an earlier run left; a process is ours if it started when we noted."""
    children = read_private_json(directory.children_file)
    alive = {
        program: child["pid"]
        for program, child in children.items()
        if child["started"] is not None and start_time(child["pid"]) == child["started"]
    }
    for program, pid in alive.items():
        print_notice(f"stopping {program} (process {pid}), which outlived an earlier run")
        _send(pid, signal.SIGTERM)
    for program, pid in alive.items():
        if not _gone(pid, children[program]["started"], TERMINATE_SECONDS_MAX):
            _send(pid, signal.SIGKILL)
            _gone(pid, children[program]["started"], KILL_SECONDS_MAX)
    write_private_json(directory.children_file, {})


def _gone(pid: int, was_started: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while start_time(pid) == was_started:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
