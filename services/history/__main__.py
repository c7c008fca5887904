"""`python -m services.history`: the history service."""

import os
import sys

from events.queries import load_queries
from services.history.app import HistorySettings, build_app
from services.runtime.clock import SystemClock
from services.runtime.config import BadSettings, read_settings
from services.runtime.lifecycle import exit_with, run_program
from services.runtime.logs import configure_logs

EXIT_USAGE = 2


def main() -> int:
    configure_logs("history")
    try:
        settings = read_settings(HistorySettings, os.environ)
    except BadSettings as bad:
        sys.stderr.write(f"{bad}\n")
        return EXIT_USAGE
    # Read from disk now: later would be inside the event loop.
    load_queries("services.history")
    clock = SystemClock()
    return run_program(lambda: build_app(settings, clock=clock), settings, clock=clock)


if __name__ == "__main__":
    exit_with(main())
