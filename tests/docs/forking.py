"""`pushgate` as the pages type it, without the second that reading its code takes each time.

One process has read all commands. It forks for each, with the streams, the directory and the
variables of whoever typed it; `pushgate` on the shell's path only asks for that, and ends as the
command did. What is to be stopped by a signal is started anew, and in full rounds everything.
"""

from __future__ import annotations

import array
import contextlib
import gc
import marshal
import os
import signal
import socket
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NoReturn

from cli.__main__ import main, make_parser
from tests.rounds import rounds

STREAMS = (0, 1, 2)
REQUEST_BYTES_MAX = 1_000_000
# -I and -S: it needs nothing but the interpreter, and starts in a hundredth of a second.
ASKING = """#!{python} -IS
import _socket, array, marshal, os, sys
if sys.argv[1:2] in (["relay"], ["up"]) or sys.argv[1:3] == ["audit", "follow"]:
    os.execv({program!r}, ["pushgate", *sys.argv[1:]])
asking = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
asking.connect({address!r})
streams = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
asking.sendmsg([marshal.dumps((sys.argv, os.getcwd(), dict(os.environ)))], streams)
os._exit(asking.recv(1)[0])
"""


@contextlib.asynccontextmanager
async def pushgate_on_a_path(directory: Path) -> AsyncGenerator[Path]:
    """The directory that holds it."""
    program = Path(sys.executable).with_name("pushgate")
    if rounds(small=0, full=1):
        yield program.parent
        return
    address = directory / "forking"
    asking = directory / "pushgate"
    asking.write_text(
        ASKING.format(python=sys.executable, program=str(program), address=str(address))
    )
    asking.chmod(0o755)
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "tests.docs.forking", str(address)), stdout=PIPE
    )
    assert process.stdout is not None, "it was started with a pipe"
    assert await process.stdout.readline() == b"ready\n"
    yield directory
    process.terminate()
    await process.wait()


def serve(address: str) -> NoReturn:
    make_parser()
    gc.freeze()
    # Whoever is done is nobody's concern.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            asking, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _answer(asking)
            asking.close()


def _answer(asking: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams = _request(asking)
    command = os.fork()
    if command == 0:
        asking.close()
        _become(request, streams)
    _, status = os.waitpid(command, 0)
    code = os.waitstatus_to_exitcode(status)
    asking.send(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _request(asking: socket.socket) -> tuple[Any, array.array[int]]:
    streams = array.array("i")
    room = socket.CMSG_SPACE(len(STREAMS) * streams.itemsize)
    request, ancillary, _, _ = asking.recvmsg(REQUEST_BYTES_MAX, room)
    ((_, _, descriptors),) = ancillary
    streams.frombytes(descriptors)
    return marshal.loads(request), streams  # noqa: S302 - from a test


def _become(request: Any, streams: array.array[int]) -> NoReturn:
    sys.argv, directory, variables = request
    for stream, given in zip(STREAMS, streams, strict=True):
        os.dup2(given, stream)
        os.close(given)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(variables)
    code: Any = 1
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code or 0))


if __name__ == "__main__":
    serve(sys.argv[1])
