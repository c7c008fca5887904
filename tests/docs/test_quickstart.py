"""The commands of docs/quickstart.md do what the page says, on a system like `make run`'s."""

from pathlib import Path

from cli.temporary_installation import temporary_installation
from tests.docs.quickstart import Block, Ran, Shell, blocks, follow, is_as_told

PAGE = Path("docs/quickstart.md")


async def test_the_page_can_be_followed(tmp_path: Path, commands: Path) -> None:
    async with temporary_installation("--quickstart") as system:
        shell = await Shell.start(tmp_path, commands, PUSHGATE_DATA_DIR=str(system.data_dir))
        for block in blocks(PAGE):
            await follow(shell, block)
        await shell.stop()


def test_the_page_has_what_is_to_be_followed() -> None:
    found = list(blocks(PAGE))

    assert len(found) > 10
    assert [block.exit_code for block in found].count(1) == 3


def test_a_block_that_prints_something_else_is_noticed() -> None:
    block = Block("echo", 0, "a … c\n")

    assert is_as_told(block, Ran(0, "a bbb c\n"))
    assert not is_as_told(block, Ran(0, "a bbb d\n"))
    assert not is_as_told(block, Ran(1, "a bbb c\n"))
