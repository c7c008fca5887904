"""Somebody changes the log behind everybody's back: what is seen then, and how it is ended.

The commands are those of deploy/README.md.
"""

import asyncio
from collections.abc import Awaitable, Callable

from cli.temporary_installation import LocalInstallation
from demo.checks import Mismatch, expect
from tests.compose.stack import Stack, StackFailed, run
from tests.eventually import eventually

PATIENCE_SECONDS = 90.0
CHECKPOINT = "/var/lib/pushgate/signer/checkpoint"

# What a superuser can do, and undo.
CHANGE = """
ALTER TABLE ledger.event DISABLE TRIGGER append_only;
UPDATE ledger.event SET record = replace(record::text, '{old}', '{new}')::json WHERE number = 0;
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER append_only;
"""
TRUE, FALSE = '"actor":"system"', '"actor":"nobody"'


async def halt_and_resume(
    stack: Stack,
    system: LocalInstallation,
    integration: str,
    push_some: Callable[[], Awaitable[None]],
) -> str:
    """Returns why the log was halted."""
    await asyncio.to_thread(_change, stack, TRUE, FALSE)
    # It looks again at its start; by itself it would within the hour.
    await asyncio.to_thread(stack.compose, "restart", "signer")
    reason = await _halted(system)
    told = await asyncio.to_thread(stack.logs, "signer")
    expect("the signer told why", "log.inconsistent" in told, wanted=True)
    await _ends_with_three(stack)
    refused = await system.run("tokens", "generate", integration)
    expect("exit code of a token's generation", refused.exit_code, 1)
    await push_some()
    early = await asyncio.to_thread(_resume, stack)
    expect(
        "what resume says too early",
        "still differ from those that were signed" in early,
        wanted=True,
    )

    await asyncio.to_thread(_change, stack, FALSE, TRUE)
    done = await asyncio.to_thread(_resume, stack)
    expect("what resume says", "The log accepts events again." in done, wanted=True)
    await asyncio.to_thread(stack.up)
    token = await system.run_json("tokens", "generate", integration)
    await system.run_json("tokens", "revoke", str(token["id"]))
    return reason


def _change(stack: Stack, old: str, new: str) -> None:
    (postgres,) = stack.containers("postgres")
    psql = "PGPASSWORD=$POSTGRES_PASSWORD psql -qAtX -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres"
    statements = CHANGE.format(old=old, new=new)
    run(
        *("docker", "exec", postgres, "sh", "-c"),
        *(f'echo "$1" | {psql} -d pushgate', "sh", statements),
    )


async def _halted(system: LocalInstallation) -> str:
    async def reason() -> str:
        return str((await system.run_json("status")).get("halted", ""))

    try:
        return await eventually(reason, seconds=PATIENCE_SECONDS)
    except AssertionError as late:
        raise Mismatch("a changed log was not noticed") from late


async def _ends_with_three(stack: Stack) -> None:
    """Again and again, as docker starts it again; in between it runs for a moment."""
    (signer,) = stack.containers("signer")

    async def ended() -> bool:
        state = (await asyncio.to_thread(stack.inspect, signer))["State"]
        return bool(state["ExitCode"] == 3)

    try:
        await eventually(ended, seconds=PATIENCE_SECONDS)
    except AssertionError as late:
        raise Mismatch("the signer did not end with exit code 3") from late


def _resume(stack: Stack) -> str:
    """Everything it says, whether or not it is refused."""
    kept = stack.directory / "checkpoint"
    reading = ("--rm", "--no-deps", "--no-TTY", "--entrypoint", "cat", "signer", CHECKPOINT)
    said = stack.compose("run", *reading)
    # Compose tells about containers before it.
    kept.write_text(said[said.index("pushgate/") :], "utf-8")
    kept.chmod(0o644)
    mounted = ("--rm", "--no-TTY", "--volume", f"{kept}:/checkpoint:ro", "pushgate")
    try:
        return stack.compose("run", *mounted, "history", "resume", "--checkpoint", "/checkpoint")
    except StackFailed as refused:
        return str(refused)
