"""How any command ends, whatever it does."""

import subprocess
import sys

TALKATIVE = """
import argparse
from cli.command import run_command
raise SystemExit(run_command(argparse.Namespace(run=lambda _: print("a line" * 100_000))))
"""


def test_a_command_whose_output_nobody_reads_ends_without_a_word() -> None:
    """As of `pushgate audit export | head`."""
    with subprocess.Popen(
        [sys.executable, "-c", TALKATIVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        command.stdout.close()
        command.wait(30)
        assert command.stderr is not None
        said = command.stderr.read()

    assert (command.returncode, said) == (141, b"")
