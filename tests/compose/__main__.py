"""``make test-compose``: the compose file, from nothing to gone, with kills in between.

Needs an engine, compose, and the three images (pulled, or stood in for). Says so and ends well when
there are none: nothing was tested then. Exit code 1 at the first thing that is not as it must be.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo.checks import Mismatch, expect
from tests.compose.image import check_image
from tests.compose.stack import IMAGE, PROGRAMS, Stack, StackFailed, reason_to_skip, run

UP_SECONDS_MAX = 120.0
LINES_SHOWN = 60


def main() -> int:
    if reason := reason_to_skip():
        print(f"test-compose: SKIPPED, nothing was tested: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="pushgate-compose-") as directory:
        stack = Stack(Path(directory))
        stack.prepare()
        # A run that was cut short leaves volumes with passwords that nobody knows any more.
        stack.down(forget=True)
        try:
            _test(stack)
        except (Mismatch, StackFailed, subprocess.TimeoutExpired) as reason:
            print(f"test-compose: {reason}\n{_last_lines(stack)}", file=sys.stderr)
            return 1
        finally:
            stack.down(forget=True)
    print("test-compose: all as it must be.")
    return 0


def _test(stack: Stack) -> None:
    expect("what compose says to its file", stack.compose("config", "--quiet"), "")
    began = time.monotonic()
    run("docker", "build", "--quiet", "--file", "deploy/Dockerfile", "--tag", IMAGE, ".")
    print(f"Built in {time.monotonic() - began:.0f} s; {check_image(IMAGE)}.", flush=True)
    seconds = stack.up()
    expect(f"healthy within {UP_SECONDS_MAX:.0f} s", seconds <= UP_SECONDS_MAX, wanted=True)
    print(f"Healthy after {seconds:.0f} s at {stack.url}.", flush=True)
    stack.write_run_file(*_first_account(stack))
    # A process of its own: the authority must be known before aiohttp is loaded.
    done = subprocess.run(
        [sys.executable, "-m", "tests.compose.steps", str(stack.directory)],
        check=False,
        env={**os.environ, "SSL_CERT_FILE": str(stack.authority)},
    )
    expect("exit code of the steps", done.returncode, 0)


def _first_account(stack: Stack) -> tuple[int, str]:
    said = re.search(r"client id: (\d+)\n.*Connect token: (ac_\w+)", stack.logs("migrate"))
    if said is None:
        raise Mismatch("the migrate step printed no client id and no Connect token")
    return int(said[1]), said[2]


def _last_lines(stack: Stack) -> str:
    try:
        # caddy tells every request: too much to be of use here.
        said = stack.logs("postgres", "migrate", *PROGRAMS)
        return "\n".join(said.splitlines()[-LINES_SHOWN:])
    except StackFailed as failed:
        return str(failed)


if __name__ == "__main__":
    sys.exit(main())
