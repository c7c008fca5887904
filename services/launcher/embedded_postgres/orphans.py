"""Stop what an earlier run left in a server's directory: a server, its backends, or a pid file.

Every process of a PostgreSQL server has the data directory as its working directory. That
distinguishes it from an unrelated process which has the same number by now.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

FAST_SECONDS_MAX = 20.0
IMMEDIATE_SECONDS_MAX = 5.0
POLL_SECONDS = 0.05


def stop_orphans(data: Path) -> bool:
    """Stop every process of a server in ``data``, first fast, then immediately; True if any.

    Afterwards (30 seconds at most) ``data`` has no process and no pid file: if another process had
    that number by then, the file would keep PostgreSQL from starting.
    """
    found = _stop_postmaster(data)
    for pid in _processes_in(data):
        found = True
        _send(pid, signal.SIGKILL)
    _wait_until_none(data, IMMEDIATE_SECONDS_MAX)
    if _can_list_processes() and not _processes_in(data):
        (data / "postmaster.pid").unlink(missing_ok=True)
    return found


def read_postmaster_pid(data: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text().splitlines()[0])
    return None


def _stop_postmaster(data: Path) -> bool:
    pid = read_postmaster_pid(data)
    if pid is None or not _belongs_to(data, pid):
        return False
    for number, seconds in (
        (signal.SIGINT, FAST_SECONDS_MAX),
        (signal.SIGQUIT, IMMEDIATE_SECONDS_MAX),
    ):
        _send(pid, number)
        if _wait_until_gone(data, pid, seconds):
            return True
    _send(pid, signal.SIGKILL)
    return True


def _belongs_to(data: Path, pid: int) -> bool:
    if _can_list_processes():
        return _working_directory_of(pid) == data.resolve()
    asked = subprocess.run(  # where there is no /proc
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return str(data.resolve()) in asked.stdout


def _processes_in(data: Path) -> list[int]:
    if not _can_list_processes():
        return []
    directory = data.resolve()
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if _working_directory_of(pid) == directory]


def _working_directory_of(pid: int) -> Path | None:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink()
    return None


def _can_list_processes() -> bool:
    return Path("/proc/self/cwd").exists()


def _wait_until_gone(data: Path, pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _belongs_to(data, pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _wait_until_none(data: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _processes_in(data) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
