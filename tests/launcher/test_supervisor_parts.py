"""What the supervisor is made of, each part alone."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from services.launcher.child import (
    HEALTHY_SECONDS,
    RESTART_SECONDS_MAX,
    restart_backoff,
    seconds_until_restart,
)
from services.launcher.child_registry import record_child, start_time, stop_orphans
from services.launcher.data_directory import DataDirectory
from services.launcher.embedded_postgres.unprivileged import UnixUser, grant_traversal
from services.launcher.log_files import open_log, rotate
from services.launcher.sockets import PortTaken, listening
from services.runtime.migrations import ROLES
from services.runtime.private_files import read_private_json, write_private_json
from tests.launcher.installation import is_alive

SOMEBODY = UnixUser(uid=os.getuid() + 1, gid=os.getgid() + 1, name="somebody")


def test_pauses_grow_to_their_limit_and_begin_anew_after_a_good_run() -> None:
    backoff = restart_backoff()
    growing = [seconds_until_restart(backoff, ran_seconds=0) for _ in range(10)]
    again = seconds_until_restart(backoff, ran_seconds=HEALTHY_SECONDS)

    assert growing == sorted(growing)
    assert growing[-1] == RESTART_SECONDS_MAX
    assert again == growing[0]


def test_only_the_right_to_pass_is_granted_and_only_where_it_lacks(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    data = closed / "open" / "data"
    data.mkdir(parents=True)
    closed.chmod(0o700)
    data.parent.chmod(0o755)

    granted = grant_traversal(SOMEBODY, [data])

    assert closed in granted
    assert data.parent not in granted
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701


def test_a_log_over_its_limit_starts_anew_and_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ingest.log"
    with open_log(path) as writer:
        writer.write(b"x" * 101)
        rotate(tmp_path, bytes_max=100)
        writer.write(b"after")

    assert path.read_bytes() == b"after"
    assert (tmp_path / "ingest.log.1").stat().st_size == 101


def test_passwords_are_made_once_and_the_environment_wins(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    first = directory.passwords({})
    again = directory.passwords({"PUSHGATE_INGEST_DATABASE_PASSWORD": "given"})

    assert len({password.reveal() for password in first.values()}) == len(ROLES)
    assert again["pushgate_ingest"].reveal() == "given"
    assert again["pushgate_loader"] == first["pushgate_loader"]


def test_a_taken_port_is_named_with_a_way_out() -> None:
    ports = {"tokens": 0, "ingest": 0, "history": 0}
    with listening(ports) as held:
        assert held["ingest"].served is not None
        taken = held["ingest"].served.getsockname()[1]

        with (
            pytest.raises(PortTaken, match=f"{taken}.*--ingest-port"),
            listening(ports | {"ingest": taken}),
        ):
            pass


def test_loader_and_signer_listen_for_operations_only() -> None:
    with listening({"tokens": 0, "ingest": 0, "history": 0}) as held:
        without = [program for program, sockets in held.items() if sockets.url is None]

    assert without == ["loader", "signer"]


def test_a_later_process_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    innocent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_private_json(
        directory.children_file,
        {"ingest": {"pid": innocent.pid, "started": "another boot 1"}},
    )

    stop_orphans(directory, lambda _: None)
    spared = is_alive(innocent.pid)
    innocent.communicate(b"\n")

    assert spared


def test_a_child_that_outlived_its_supervisor_is_stopped(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    orphan = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record_child(directory, "ingest", orphan.pid)
    said: list[str] = []

    stop_orphans(directory, said.append)
    orphan.communicate()

    assert str(orphan.pid) in said[0]
    assert read_private_json(directory.children_file) == {}


def test_a_process_keeps_its_start_and_the_dead_have_none() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    assert start_time(os.getpid()) == start_time(os.getpid())
    assert start_time(os.getpid()) is not None
    assert start_time(gone.pid) is None
