"""A small process between the supervisor and PostgreSQL that stops PostgreSQL if its caller dies.

The caller keeps the other end of a pipe or FIFO open: end of file means that the caller has ended,
however it ended. (PR_SET_PDEATHSIG does not work: the kernel clears it when the process changes its
user.) SIGTERM stops PostgreSQL too. The exit code is PostgreSQL's.

Run as ``python -m services.launcher.embedded_postgres.keeper WATCH_FD UID GID COMMAND...``;
UID -1 keeps the current user.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence

# A fast shutdown writes a checkpoint, which may be large; after this time, recovery has to do it.
FAST_SECONDS_MAX = 20.0
IMMEDIATE_SECONDS_MAX = 5.0
# PostgreSQL does not inherit the caller's environment, which holds passwords.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def run_postgres(command: Sequence[str], *, watch_fd: int, uid: int, gid: int) -> int:
    with _signal_socket() as woken:
        postgres = _start(command, uid=uid, gid=gid)
        while postgres.poll() is None:
            readable, _, _ = select.select([watch_fd, woken.fileno()], [], [])
            signalled = woken.fileno() in readable and signal.SIGTERM in woken.recv(64)
            if signalled or (watch_fd in readable and not os.read(watch_fd, 64)):
                os.close(watch_fd)
                return _stop(postgres)
        return _exit_code(postgres)


def _start(command: Sequence[str], *, uid: int, gid: int) -> subprocess.Popen[bytes]:
    same = uid < 0
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd="/",
        user=None if same else uid,
        group=None if same else gid,
        extra_groups=None if same else [],
    )


def _stop(postgres: subprocess.Popen[bytes]) -> int:
    steps = ((signal.SIGINT, FAST_SECONDS_MAX), (signal.SIGQUIT, IMMEDIATE_SECONDS_MAX))
    for number, seconds in steps:
        postgres.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            postgres.wait(seconds)
            return _exit_code(postgres)
    postgres.kill()
    postgres.wait()
    return _exit_code(postgres)


def _exit_code(postgres: subprocess.Popen[bytes]) -> int:
    """As a shell reports it: 128 plus the signal's number if a signal ended it."""
    return postgres.returncode if postgres.returncode >= 0 else 128 - postgres.returncode


@contextlib.contextmanager
def _signal_socket() -> Iterator[socket.socket]:
    """Signals become readable bytes, so that one ``select`` waits for everything."""
    woken, waker = socket.socketpair()
    waker.settimeout(0)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    # Ctrl-C in a terminal is for the supervisor, which stops programs in order. A handler that does
    # nothing, because PostgreSQL would inherit "ignored".
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(-1)
        woken.close()
        waker.close()


def main(arguments: Sequence[str]) -> int:
    watch_fd, uid, gid, *command = arguments
    return run_postgres(command, watch_fd=int(watch_fd), uid=int(uid), gid=int(gid))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
