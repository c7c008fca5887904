"""`python -m services.ingest`: takes batches in."""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is read: services/runtime/lifecycle.py

from services.ingest.app import IngestSettings, build_app
from services.runtime.lifecycle import run_main

# A group's requests are alive together, and a large push is thousands of objects that go away
# again without any help: at the usual 700 the collector runs for nothing (bench/README.md).
GC_ALLOCATIONS = 50_000


def collect_seldom() -> None:
    gc.set_threshold(GC_ALLOCATIONS)


if __name__ == "__main__":
    run_main(
        "ingest",
        IngestSettings,
        build_app,
        statements=["services.ingest", "services.journal"],
        before=collect_seldom,
    )
