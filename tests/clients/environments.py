"""Other people's programs, each in an environment of its own (deploy/make-clients)."""

from pathlib import Path

import pytest

DIRECTORY = Path(".cache/clients").absolute()


def program(environment: str, name: str) -> str:
    """Its path; skips the test, with the reason, where the environment could not be built."""
    path = DIRECTORY / environment / "bin" / name
    if not path.exists():
        why = DIRECTORY / f"{environment}.why"
        told = why.read_text("utf-8").strip()[-500:] if why.exists() else "run `make setup`"
        pytest.skip(f"{environment} is not installed: {told}")
    return str(path)
