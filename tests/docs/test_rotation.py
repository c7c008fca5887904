"""The commands of docs/rotate-without-losing-a-record.md do what the page says."""

from pathlib import Path

from cli.temporary_installation import TemporaryInstallation
from tests.docs.quickstart import Block, Shell, blocks, follow

PAGE = Path("docs/rotate-without-losing-a-record.md")
GATE_OF_MAKE_RUN = "http://127.0.0.1:8801"


async def test_the_page_can_be_followed(
    system: TemporaryInstallation, tmp_path: Path, commands: Path
) -> None:
    shell = await Shell.start(tmp_path, commands, PUSHGATE_DATA_DIR=str(system.data_dir))
    for block in blocks(PAGE):
        here = block.commands.replace(GATE_OF_MAKE_RUN, system.installation.import_url())
        await follow(shell, Block(here, block.exit_code, block.expected))
    await shell.stop()


def test_the_page_shows_three_methods() -> None:
    text = PAGE.read_text("utf-8")

    assert [f"## {n}. " in text for n in (1, 2, 3)] == [True] * 3
    assert GATE_OF_MAKE_RUN in text
    assert len(list(blocks(PAGE))) > 12
