"""`python -m services.loader`: loads accepted batches into tables of the destination."""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is read: services/runtime/lifecycle.py

from services.loader.app import LoaderSettings, build_app
from services.loader.catalog.catalog import catalog_sql
from services.runtime.lifecycle import run_main

# Parsed records are many small objects without cycles. Looking for cycles every 700 allocations,
# Python's default, takes a third of the time of parsing.
OBJECTS_BETWEEN_COLLECTIONS = 200_000


def get_ready() -> None:
    catalog_sql()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


if __name__ == "__main__":
    run_main(
        "loader",
        LoaderSettings,
        build_app,
        statements=["services.journal", "services.loader", "services.loader.catalog"],
        before=get_ready,
        serves=False,
    )
