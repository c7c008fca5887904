"""The distribution stands alone: built, installed into an environment of its own, it pushes."""

import asyncio
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.client.gate import Gate
from tests.house.sources import ROOT
from tests.rounds import rounds

pytestmark = [
    pytest.mark.skipif(rounds(small=1, full=0) == 1, reason="in full rounds: pip takes its time"),
    pytest.mark.timeout(600),
]

SCRIPT = """
import sys
from pushgate_client import BlockingPushClient
with BlockingPushClient(sys.argv[1], token="good", client_id=1, outbox=sys.argv[2]) as client:
    client.push("things", [{"id": 7}], keys=["id"])
    client.wait_until_emptied()
ours = ("cli", "services", "protocol", "events", "asyncpg", "structlog")
assert not any(name in sys.modules for name in ours)
"""
WELL_TYPED = """
from pushgate_client import Options, PushClient, Pushed, TokenFile

async def push() -> Pushed:
    options = Options(on_full="raise")
    async with PushClient("http://x", token=TokenFile("t"), client_id=1, options=options) as client:
        return await client.push("things", [{"id": 1}], keys=["id"])
"""
ILL_TYPED = WELL_TYPED.replace('"raise"', '"drop"')


async def _run(*command: str, directory: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.fixture
async def alone(tmp_path: Path) -> Path:
    """The Python of an environment with the wheel and what that asks for, and nothing else."""
    environment, source = tmp_path / "alone", tmp_path / "client"
    shutil.copytree(ROOT / "client", source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    python = environment / "bin" / "python"
    wheel = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation")
    for command in (
        (*wheel, "-w", str(tmp_path), str(source)),
        (sys.executable, "-m", "venv", str(environment)),
    ):
        code, said = await _run(*command, directory=tmp_path)
        assert code == 0, said
    (built,) = await asyncio.to_thread(lambda: list(tmp_path.glob("pushgate_client-*.whl")))
    code, said = await _run(
        *(str(python), "-m", "pip", "install", "-q", "--no-input", str(built)), directory=tmp_path
    )
    if code != 0 and "No matching distribution found for" in said:
        pytest.skip("no registry that has aiohttp and orjson can be reached")
    assert code == 0, said
    return python


async def test_a_wheel_installed_alone_pushes(alone: Path, tmp_path: Path) -> None:
    async with Gate() as gate:
        code, said = await _run(
            *(str(alone), "-I", "-c", SCRIPT, gate.url, str(tmp_path / "outbox")),
            directory=tmp_path,
        )

    assert (code, said) == (0, "")
    assert gate.taken.keys() == {7}


async def test_an_app_is_checked_against_the_types_of_the_wheel(
    alone: Path, tmp_path: Path
) -> None:
    codes, said = [], ""
    for name, text in (("well", WELL_TYPED), ("ill", ILL_TYPED)):
        file = tmp_path / f"{name}_typed.py"
        file.write_text(text)
        code, said = await _run(
            *(sys.executable, "-m", "mypy", "--strict", "--config-file", ""),
            *("--python-executable", str(alone), str(file)),
            directory=tmp_path,
        )
        codes.append(code)

    assert codes == [0, 1], said
    assert 'Argument "on_full" to "Options" has incompatible type' in said
