"""`python -m services.ingest`: accepts pushes."""

import gc

if __name__ == "__main__":
    gc.disable()  # during the imports: services/runtime/fast_paths.py

from services.ingest.app import IngestSettings, build_app
from services.runtime.fast_paths import INGEST_GC_ALLOCATIONS
from services.runtime.lifecycle import run_main

if __name__ == "__main__":
    run_main(
        "ingest",
        IngestSettings,
        build_app,
        statements=["services.ingest", "services.journal"],
        gc_allocations=INGEST_GC_ALLOCATIONS,
    )
