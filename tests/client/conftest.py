"""Where outboxes of the tests lie."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108 - where flushing costs nothing, for what is no matter of disks


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """For thousands of looks at what the bytes mean: in memory, where the system has that."""
    if not _MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="pushgate-test-", dir=_MEMORY) as directory:
        yield Path(directory)
