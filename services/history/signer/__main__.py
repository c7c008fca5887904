"""`python -m services.history.signer`: signs checkpoints of the log."""

import gc

if __name__ == "__main__":
    gc.disable()  # during the imports: services/runtime/fast_paths.py

from services.history.signer.program import SignerSettings, build_app
from services.runtime.lifecycle import run_main

if __name__ == "__main__":
    run_main(
        "signer",
        SignerSettings,
        build_app,
        statements=["events", "services.history"],
        serves=False,
    )
