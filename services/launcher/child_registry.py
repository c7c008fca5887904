"""The processes that we started, on disk, so that the next run finds those that outlived this one.

A process number is used again by the system, so each entry also records when its process started.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from services.launcher.data_directory import DataDirectory
from services.runtime.private_files import read_private_json, write_private_json

# Programs without a parent have been stopping since it ended, with a time limit of their own.
TERMINATE_SECONDS_MAX = 10.0
KILL_SECONDS_MAX = 5.0
POLL_SECONDS = 0.05


def record_child(directory: DataDirectory, program: str, pid: int) -> None:
    children = read_private_json(directory.children_file)
    children[program] = {"pid": pid, "started": start_time(pid)}
    write_private_json(directory.children_file, children)


def stop_orphans(directory: DataDirectory, print_notice: Callable[[str], None]) -> None:
    """Stop the programs that an earlier run left; a process with another start time is not ours."""
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
        if not _has_ended(pid, children[program]["started"], TERMINATE_SECONDS_MAX):
            _send(pid, signal.SIGKILL)
            _has_ended(pid, children[program]["started"], KILL_SECONDS_MAX)
    write_private_json(directory.children_file, {})


def start_time(pid: int) -> str | None:
    """When ``pid`` was started, as the system writes it; None if there is no such process."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The second field, the name in brackets, may hold anything, also blanks and brackets.
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, ticks = fields[0], fields[19]
        # Ticks count from the boot, so the boot belongs to the start time.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if state in "ZX" else f"{boot} {ticks}"
    listed = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip() or None


def _has_ended(pid: int, started: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while start_time(pid) == started:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
