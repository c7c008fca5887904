"""The history service's own commands, and what an operator declares after a restore."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from asyncpg import Connection, Record

from cli.command import Subparsers, add_command, add_group
from cli.commands.serve import add_program
from cli.database import system_database
from cli.errors import CommandFailed
from cli.history_api import history_api
from cli.installation import Installation, installation_of
from cli.output import add_json, counted, facts, show
from events.checkpoint import BadCheckpoint, Checkpoint, read_unverified_note
from events.merkle import HASH_BYTES
from events.sql_files import load_queries
from events.tiles import TileBuilder
from services.history.signer.files import SignerFiles

PAGE_LEAVES = 65_536
RESTART = "Start the signer again now (with `pushgate up`: stop and start that)."


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "history", summary="the event log for auditors")
    add_program(group, "serve", "services.history", summary="serve the event log")
    add_program(group, "sign", "services.history.signer", summary="sign checkpoints of the log")
    parser = add_command(group, "seal", seal, summary="put all receipts so far under a seal")
    add_json(parser)
    parser = add_command(
        group,
        "begin-anew",
        begin_anew,
        summary="after a restore: go on under a new origin, and say so in the log",
    )
    _add_checkpoint(parser, "the last checkpoint that anybody may have seen")
    add_json(parser)
    parser = add_command(
        group, "resume", resume, summary="end a halt, once the log is again what was signed"
    )
    _add_checkpoint(parser, "the last checkpoint that was signed")


def _add_checkpoint(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument(
        "--checkpoint", metavar="FILE", help=f"{meaning}; default: the signer's own, in D/signer"
    )


async def seal(arguments: argparse.Namespace) -> None:
    async with history_api(installation_of(arguments)) as api:
        seals = await api.post("/receipts/seal")
    told = [
        f"event {one['number']} seals {counted(one['count'], 'receipt')}, {one['first']} to"
        f" {one['last']}"
        for one in seals
    ]
    show(arguments, seals, "\n".join(told) or "everything was sealed already")


async def begin_anew(arguments: argparse.Namespace) -> None:
    """In the database as it was restored, before any program writes to it."""
    installation = installation_of(arguments)
    old = await asyncio.to_thread(_checkpoint, arguments.checkpoint, installation)
    async with system_database(installation) as database:
        number = await database.fetchval(
            load_queries("cli")["begin_anew"], old.origin, old.size, old.root.hex()
        )
        origin = await database.fetchval(load_queries("cli")["origin"])
    lost = max(0, old.size - number)
    document = {"number": number, "origin": origin, "old_origin": old.origin, "lost": lost}
    text = facts(
        [
            ("goes on as", origin),
            ("continues", f"{old.origin}, of which {old.size} events were signed"),
            ("lost", counted(lost, "event")),
            ("said in", f"event {number}"),
        ]
    )
    show(arguments, document, f"{text}\n{RESTART}")


async def resume(arguments: argparse.Namespace) -> None:
    """Refused while the log differs from what was signed: a halt is never talked away."""
    installation = installation_of(arguments)
    signed = await asyncio.to_thread(_checkpoint, arguments.checkpoint, installation)
    async with system_database(installation) as database:
        if await _root_at(database, signed.size) != signed.root:
            raise CommandFailed(
                f"The first {signed.size} events are still not those that were signed:"
                " see docs/operations/restore.md."
            )
        ended = await database.fetchval(load_queries("cli")["end_halt"])
    print("The log takes events again." if ended else "The log was not halted.")
    print(RESTART)


async def _root_at(database: Connection[Record], size: int) -> bytes | None:
    """From the texts themselves; None when there are not that many events."""
    query, tree = load_queries("cli")["leaf_hashes_anew"], TileBuilder()
    while tree.size < size:
        start, end = tree.size, min(tree.size + PAGE_LEAVES, size)
        joined = await database.fetchval(query, start, end)
        if joined is None or len(joined) != (end - start) * HASH_BYTES:
            return None
        tree.extend([joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)])
    return tree.root()


def _checkpoint(given: str | None, installation: Installation) -> Checkpoint:
    path = Path(given) if given else SignerFiles(installation.data_dir / "signer").note_path
    try:
        return read_unverified_note(path.read_text("utf-8", "replace"))[0]
    except OSError as error:
        raise CommandFailed(
            f"There is no checkpoint in {path}: name one with --checkpoint."
        ) from error
    except BadCheckpoint as error:
        raise CommandFailed(f"{path} is no checkpoint: {error}.") from error
