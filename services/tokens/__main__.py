"""`python -m services.tokens`: the token service."""

import gc

if __name__ == "__main__":
    gc.disable()  # during the imports: services/runtime/fast_paths.py

from services.runtime.lifecycle import run_main
from services.tokens.app import TokensSettings, build_app

if __name__ == "__main__":
    run_main(
        "tokens",
        TokensSettings,
        build_app,
        statements=["events", "services.tokens", "services.tokens.web"],
    )
