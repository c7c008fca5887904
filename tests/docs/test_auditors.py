"""The commands of docs/auditors.md do what the page says, for somebody with nothing but access."""

from pathlib import Path

from cli.temporary_installation import TemporaryInstallation, temporary_installation
from tests.docs.quickstart import Block, Shell, blocks, is_as_told
from tests.eventually import eventually
from tests.system.commands_here import commands_here

PAGE = Path("docs/auditors.md")


async def test_the_page_can_be_followed(tmp_path: Path, commands: Path) -> None:
    async with temporary_installation() as up:
        system = commands_here(up)
        shell = await auditors_shell(system, tmp_path, commands)
        for place, block in enumerate(blocks(PAGE)):
            ran = await shell.run(block.commands)

            assert is_as_told(block, ran), (place, block, ran)
            await life_goes_on(system, block)
        await shell.stop()


async def auditors_shell(system: TemporaryInstallation, directory: Path, commands: Path) -> Shell:
    """After an integration was made and pushed to by a token that leaks; nothing else is known."""
    made = await system.run_json("integrations", "create", "Web Shop")
    token = made["token"]["access_token"]
    for lines in ('{"id": 1, "n": 1}\n{"id": 2, "n": 1}\n', '{"id": 2, "n": 2}\n'):
        pushed = await system.run(
            *("push", "-", "--table", "orders", "--key", "id"), stdin=lines, PUSHGATE_TOKEN=token
        )
        assert pushed.exit_code == 0, pushed.errors

    async def loaded() -> bool:
        return bool((await system.run_json("status"))["pending"] == 0)

    await eventually(loaded)
    auditor = await system.run_json("connect-tokens", "generate", "--role", "auditor")
    (directory / "leaked.txt").write_text(f"{token}\n")
    return await Shell.start(
        directory,
        commands,
        PUSHGATE_HISTORY_URL=system.installation.history_url(),
        PUSHGATE_CONNECT_TOKEN=auditor["access_token"],
        PUSHGATE_DESTINATION_URL=system.installation.destination_url().reveal(),
        PUSHGATE_DATA_DIR=str(directory / "own"),
    )


async def life_goes_on(system: TemporaryInstallation, block: Block) -> None:
    """Between the auditor's visits something happens, and is signed."""
    if "audit verify" not in block.commands:
        return
    await system.run_json("tokens", "rotate", "Web Shop")
    await system.run_json("tokens", "rotate", "Web Shop", "--finish")

    async def signed() -> bool:
        size = (await system.run_json("status"))["size"]
        found = await system.run("audit", "verify", "--json")
        return bool(found.document["size"] == size)

    await eventually(signed, seconds=30)


def test_the_page_has_what_is_to_be_followed() -> None:
    found = list(blocks(PAGE))

    assert len(found) >= 11
    assert [block.exit_code for block in found].count(1) == 1
