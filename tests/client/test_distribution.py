"""The distribution stands alone: built, installed into an environment of its own, it pushes."""

import asyncio
import shutil
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.client.gate import Gate
from tests.house.sources import ROOT
from tests.rounds import rounds

# The two libraries that it asks for are those of these tests: nothing is fetched.
SCRIPT = """
import sys
sys.path[:0] = [sys.argv[4]]
sys.path.append(sys.argv[3])
from pushgate_client import BlockingPushClient
assert sys.argv[4] in sys.modules["pushgate_client"].__file__
assert not any(name in sys.modules for name in ("cli", "services", "protocol", "events"))
with BlockingPushClient(sys.argv[1], token="good", client_id=1, outbox=sys.argv[2]) as client:
    client.push("things", [{"id": 7}], keys=["id"])
    client.wait_until_emptied()
"""


async def _run(*command: str, directory: Path) -> None:
    process = await asyncio.create_subprocess_exec(*command, cwd=directory)
    assert await process.wait() == 0


@pytest.mark.skipif(rounds(small=1, full=0) == 1, reason="in full rounds: pip takes its time")
async def test_a_wheel_installed_alone_pushes(tmp_path: Path) -> None:
    wheels, environment = tmp_path / "wheels", tmp_path / "alone"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    source = tmp_path / "client"
    shutil.copytree(ROOT / "client", source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    await _run(
        *(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(source)),
        directory=tmp_path,
    )
    (wheel,) = wheels.glob("pushgate_client-*.whl")
    await _run(
        *(*pip, "install", "--no-deps", "--target", str(environment), str(wheel)),
        directory=tmp_path,
    )
    libraries = Path(aiohttp.__file__).parents[1]

    async with Gate() as gate:
        await _run(
            *(sys.executable, "-I", "-S", "-c", SCRIPT),
            *(gate.url, str(tmp_path / "outbox"), str(libraries), str(environment)),
            directory=tmp_path,
        )

    assert gate.taken.keys() == {7}
