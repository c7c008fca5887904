"""`python -m services.tokens`: the token service."""

import os
import sys

from events.queries import load_queries
from services.runtime.clock import SystemClock
from services.runtime.config import BadSettings, read_settings
from services.runtime.lifecycle import exit_with, run_program
from services.runtime.logs import configure_logs
from services.tokens.app import TokensSettings, build_app

EXIT_USAGE = 2


def main() -> int:
    configure_logs("tokens")
    try:
        settings = read_settings(TokensSettings, os.environ)
    except BadSettings as bad:
        sys.stderr.write(f"{bad}\n")
        return EXIT_USAGE
    # Read from disk now: later would be inside the event loop.
    for package in ("events", "services.tokens", "services.tokens.pages"):
        load_queries(package)
    clock = SystemClock()
    return run_program(lambda: build_app(settings, clock=clock), settings, clock=clock)


if __name__ == "__main__":
    exit_with(main())
