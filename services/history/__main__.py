"""`python -m services.history`: the history service."""

import gc

if __name__ == "__main__":
    gc.disable()  # during the imports: services/runtime/fast_paths.py

from services.history.app import HistorySettings, build_app
from services.runtime.lifecycle import run_main

if __name__ == "__main__":
    run_main("history", HistorySettings, build_app, statements=["services.history"])
