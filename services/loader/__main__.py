"""`python -m services.loader`: loads accepted batches into tables of the destination."""

import gc

if __name__ == "__main__":
    gc.disable()  # during the imports: services/runtime/fast_paths.py

from services.loader.app import LoaderSettings, build_app
from services.loader.catalog.catalog import catalog_sql
from services.runtime.fast_paths import LOADER_GC_ALLOCATIONS
from services.runtime.lifecycle import run_main

if __name__ == "__main__":
    run_main(
        "loader",
        LoaderSettings,
        build_app,
        statements=["services.journal", "services.loader", "services.loader.catalog"],
        before=catalog_sql,
        gc_allocations=LOADER_GC_ALLOCATIONS,
        serves=False,
    )
