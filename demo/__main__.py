"""`make demo`: a temporary installation does the main job on real data; every step is checked.

Exit code 0 when every expectation is met, else 1.
"""

import argparse
import asyncio
import signal
import sys

from cli.errors import FAILED, SUCCESS, CommandFailed
from cli.temporary_installation import temporary_installation
from demo.checks import Mismatch
from demo.flights import FLIGHTS, fetch_archive
from demo.journey import Journey, print_line
from services.runtime.clock import SystemClock


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Run the main job on real data and check every step."
    )
    parser.add_argument(
        "--records",
        type=int,
        default=FLIGHTS,
        metavar="COUNT",
        help=f"How many flights to push, at most {FLIGHTS:,}. Default: all.",
    )
    arguments = parser.parse_args()
    if not 1 <= arguments.records <= FLIGHTS:
        parser.error(f"--records must be between 1 and {FLIGHTS:,}")
    try:
        asyncio.run(_run(arguments.records))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return FAILED
    except (Mismatch, CommandFailed) as reason:
        print(f"demo: {reason}", file=sys.stderr)
        return FAILED
    return SUCCESS


async def _run(flights_count: int) -> None:
    this = asyncio.current_task()
    assert this is not None, "asyncio.run runs it in a task"
    # So that SIGTERM also stops and removes the installation.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    clock = SystemClock()
    kept = await asyncio.to_thread(fetch_archive)
    began = clock.monotonic()
    print_line("Starting a temporary installation ...")
    async with temporary_installation() as system:
        print_line(f"  It is up after {clock.monotonic() - began:.1f} s.")
        await Journey(system, kept, flights_count=flights_count, clock=clock).run()
    print_line(f"\nEvery step is correct, after {clock.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    sys.exit(main())
