"""`python -m services.loader`: puts accepted batches into tables."""

import gc
import os
import sys

from events.queries import load_queries
from services.loader.app import LoaderSettings, build_app
from services.loader.destination import books_sql
from services.runtime.clock import SystemClock
from services.runtime.config import BadSettings, read_settings
from services.runtime.lifecycle import exit_with, run_program
from services.runtime.logs import configure_logs

EXIT_USAGE = 2
# Parsed records are many small objects in no cycles: looking for cycles among them every 700
# allocations costs a third of the time of parsing.
OBJECTS_BETWEEN_COLLECTIONS = 200_000


def main() -> int:
    configure_logs("loader")
    try:
        settings = read_settings(LoaderSettings, os.environ)
    except BadSettings as bad:
        sys.stderr.write(f"{bad}\n")
        return EXIT_USAGE
    # Read from disk now: later would be inside the event loop.
    for package in ("services.ingest", "services.loader", "services.loader.books"):
        load_queries(package)
    books_sql()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    clock = SystemClock()
    return run_program(
        lambda: build_app(settings, clock=clock), settings, clock=clock, serves=False
    )


if __name__ == "__main__":
    exit_with(main())
