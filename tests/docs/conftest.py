from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.docs.forking import pushgate_on_a_path


@pytest.fixture(scope="session")
async def commands(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Path]:
    """For the path of a shell: where `pushgate` is."""
    async with pushgate_on_a_path(tmp_path_factory.mktemp("commands")) as directory:
        yield directory
