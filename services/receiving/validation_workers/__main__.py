"""A validation worker, `python -m services.receiving.validation_workers`: one body at a time.

Reads jobs from standard input and writes results to standard output, as frames of ``ipc``. Ends at
the end of its input, so it never outlives its program. Has no settings, database or network.
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
    gc.disable()  # during the imports: services/runtime/fast_paths.py

from services.receiving.check import Job, run_job
from services.receiving.validation_workers.ipc import LENGTHS, frame_head, result_header
from services.runtime.fast_paths import INGEST_GC_ALLOCATIONS, start_garbage_collection

# The processes that answer requests have priority.
NICENESS = 5


def main() -> None:
    # Ctrl-C in a terminal is for the program, which closes this worker's input when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        # If memory runs out, the kernel kills this worker and not the program: 503 for one body.
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")
    start_garbage_collection(INGEST_GC_ALLOCATIONS)
    jobs, results = sys.stdin.buffer, sys.stdout.buffer
    while lengths := jobs.read(LENGTHS.size):
        for part in _result_frame(jobs, lengths):
            results.write(part)
        results.flush()


def _result_frame(jobs: BinaryIO, lengths: bytes) -> tuple[bytes, bytes]:
    header_bytes, body_bytes = LENGTHS.unpack(lengths)
    job = Job(*json.loads(jobs.read(header_bytes)))
    result = run_job(job, jobs.read(body_bytes))
    header = result_header(result) | {"resident_kilobytes": _resident_kilobytes()}
    encoded = b"" if result.encoded is None else result.encoded.compressed
    return frame_head(header, encoded), encoded


def _resident_kilobytes() -> int:
    """Current, not peak, which would include the parent; 0 if the system does not report it."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize() // 1024


if __name__ == "__main__":
    main()
