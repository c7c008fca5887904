"""The supervisor with tiny programs: ``python -m tests.launcher.tiny_up DATA_DIRECTORY``."""

import asyncio
import secrets
import sys
from pathlib import Path

from services.launcher.data_directory import AlreadyUp
from services.launcher.databases import Databases
from services.launcher.run_file import AccountCredentials
from services.launcher.sockets import SERVED_PORTS
from services.launcher.stack import (
    START_ORDER,
    StackOptions,
    run_stack,
    run_until_signalled,
)


async def made_up_account(
    _: Databases, kept: AccountCredentials | None
) -> AccountCredentials | None:
    made_up = AccountCredentials(client_id=1, connect_token=f"ac_{secrets.token_hex(8)}")
    return made_up if kept is None else None


async def serve(directory: Path) -> None:
    options = StackOptions(
        data_directory=directory,
        ports=dict.fromkeys(SERVED_PORTS, 0),
        first_account=made_up_account,
        modules=dict.fromkeys(START_ORDER, "tests.launcher.tiny_program"),
    )
    async with run_stack(options) as running:
        sys.stdout.write(f"ready {' '.join(running.urls.values())}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(run_until_signalled(serve(Path(sys.argv[1]))))
    except AlreadyUp as refused:
        sys.exit(str(refused))
