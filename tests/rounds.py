"""How often crash, race and fuzz loops go round."""

import os


def rounds(*, small: int, full: int) -> int:
    """``full`` under ``PUSHGATE_TEST_ROUNDS=full`` (make soak), else ``small``."""
    return full if os.environ.get("PUSHGATE_TEST_ROUNDS") == "full" else small
