"""Listening sockets, bound here and inherited by the programs.

They stay open while a program restarts: a connection made meanwhile waits instead of failing.
"""

import contextlib
import socket
from collections.abc import Generator, Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
# Connections that can wait while a program restarts; the system may set a lower limit.
BACKLOG = 1024

SERVED_PORTS = {"tokens": 8800, "ingest": 8801, "history": 8802}
OPERATIONS_PORTS = {
    "tokens": 8810,
    "ingest": 8811,
    "history": 8812,
    "loader": 8813,
    "signer": 8814,
}


class PortTaken(Exception):
    """Another process listens on the port."""


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A program's sockets; ``served`` is None for a program without an API."""

    served: socket.socket | None
    operations: socket.socket

    @property
    def url(self) -> str | None:
        return None if self.served is None else _url(self.served)

    @property
    def operations_url(self) -> str:
        return _url(self.operations)


@contextlib.contextmanager
def listening(ports: Mapping[str, int]) -> Generator[dict[str, Listening]]:
    """Sockets of all programs; ``ports`` by program, 0 picks a free one.

    If any port is 0, the operations ports are free ones too, so that a second installation on the
    same machine does not conflict.
    """
    fixed = 0 not in ports.values()
    with contextlib.ExitStack() as opened:
        yield {
            program: Listening(
                served=opened.enter_context(_bind(ports[program], f"--{program}-port"))
                if program in ports
                else None,
                operations=opened.enter_context(
                    _bind(operations_port if fixed else 0, "--tokens-port 0")
                ),
            )
            for program, operations_port in OPERATIONS_PORTS.items()
        }


def _bind(port: int, option: str) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise PortTaken(f"port {port} on {HOST}: {error.strerror}; try {option}") from None
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()
    return f"http://{host}:{port}"
