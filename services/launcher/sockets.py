"""Listening sockets, bound here and handed to the programs.

They stay open while a program restarts, so a connection made meanwhile waits and is not refused.
"""

import contextlib
import socket
from collections.abc import Generator, Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
# Connections that wait while a program restarts; the system may cap it lower.
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
    """Something else listens where we should."""


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A program's sockets; ``served`` is None for one that only works."""

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

    When any port is 0 the operations ports are free ones too: a second installation on the same
    machine then collides nowhere.
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


def _bind(port: int, way_out: str) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise PortTaken(f"port {port} on {HOST}: {error.strerror}; try {way_out}") from None
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()
    return f"http://{host}:{port}"
