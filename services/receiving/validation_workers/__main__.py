"""`python -m services.receiving.validation_workers`: validates one body after the other.

Questions come on standard input, answers go to standard output, as frames. Ends with its input, so
it never outlives the program that started it. Has no settings, no database and no network.
"""

import contextlib
import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

if __name__ == "__main__":
    gc.disable()  # until all is read: services/runtime/lifecycle.py

from services.receiving.validation_workers.ipc import (
    LENGTHS,
    Job,
    head,
    result_header,
    validate,
)

# Whoever answers requests goes first.
NICENESS = 5
GC_ALLOCATIONS = 50_000


def main() -> None:
    # A terminal's Ctrl-C is for the program, which ends this one's input when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        # Where memory runs out, this one ends and not the program: its body is refused with 503.
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")
    gc.freeze()
    gc.enable()
    gc.set_threshold(GC_ALLOCATIONS)
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while lengths := questions.read(LENGTHS.size):
        for part in _answer(questions, lengths):
            answers.write(part)
        answers.flush()


def _answer(questions: BinaryIO, lengths: bytes) -> tuple[bytes, bytes]:
    header_bytes, body_bytes = LENGTHS.unpack(lengths)
    question = Job(*json.loads(questions.read(header_bytes)))
    judged = validate(question, questions.read(body_bytes))
    header = result_header(judged) | {"resident_kilobytes": _resident_kilobytes()}
    kept = b"" if judged.kept is None else judged.kept.compressed
    return head(header, kept), kept


def _resident_kilobytes() -> int:
    """Now; 0 where the system does not tell. Its peak would count whoever started this process."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize() // 1024


if __name__ == "__main__":
    main()
