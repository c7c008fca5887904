"""`python -m services.ingest`: takes batches in."""

import gc
import os
import sys

from events.queries import load_queries
from services.ingest.app import IngestSettings, build_app
from services.runtime.clock import SystemClock
from services.runtime.config import BadSettings, read_settings
from services.runtime.lifecycle import exit_with, run_program
from services.runtime.logs import configure_logs

EXIT_USAGE = 2

# A group's requests are alive together, and a large push is thousands of objects that go away
# again without any help: at the usual 700 the collector runs for nothing (bench/README.md).
GC_ALLOCATIONS = 50_000


def main() -> int:
    configure_logs("ingest")
    try:
        settings = read_settings(IngestSettings, os.environ)
    except BadSettings as bad:
        sys.stderr.write(f"{bad}\n")
        return EXIT_USAGE
    # Read from disk now: later would be inside the event loop.
    load_queries("services.ingest")
    # What is loaded by now stays, and no collection need look at it again.
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS)
    clock = SystemClock()
    return run_program(lambda: build_app(settings, clock=clock), settings, clock=clock)


if __name__ == "__main__":
    exit_with(main())
