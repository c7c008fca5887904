"""`pushgate history`: run and seal the event log's service; recover from a restore or a halt."""

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
RESTART = "Start the signer again now (with `pushgate up`: stop it and start it again)."


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "history", summary="Run, seal and repair the history service.")
    add_program(
        group,
        "serve",
        "services.history",
        summary="Run the history service, which serves the event log.",
    )
    add_program(
        group,
        "sign",
        "services.history.signer",
        summary="Run the signer, which signs checkpoints of the event log.",
    )
    parser = add_command(
        group,
        "seal",
        seal,
        summary="Seal all receipts so far: put their hash into the event log.",
        example="pushgate history seal",
    )
    add_json(parser)
    parser = add_command(
        group,
        "begin-anew",
        begin_anew,
        summary="After a restore, continue the log under a new origin and record that in it.",
        details="Run it on the restored database before any program writes to it.",
        example="pushgate history begin-anew --checkpoint signer/checkpoint",
    )
    _add_checkpoint(parser, "The last checkpoint that anyone may have seen.")
    add_json(parser)
    parser = add_command(
        group,
        "resume",
        resume,
        summary="End a halt, once the log matches what was signed again.",
        details="Refused while the log differs from the signed checkpoint.",
        example="pushgate history resume",
    )
    _add_checkpoint(parser, "The last checkpoint that was signed.")


def _add_checkpoint(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        help=f"{meaning} Default: the signer's own, in `signer` in the data directory.",
    )


async def seal(arguments: argparse.Namespace) -> None:
    async with history_api(installation_of(arguments)) as client:
        seals = await client.post("/receipts/seal")
    lines = [
        f"event {one['number']} seals {counted(one['count'], 'receipt')}, {one['first']} to"
        f" {one['last']}"
        for one in seals
    ]
    show(arguments, seals, "\n".join(lines) or "all receipts were sealed already")


async def begin_anew(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    old = await asyncio.to_thread(_read_checkpoint, arguments.checkpoint, installation)
    async with system_database(installation) as database:
        number = await database.fetchval(
            load_queries("cli")["continue_under_new_origin"], old.origin, old.size, old.root.hex()
        )
        origin = await database.fetchval(load_queries("cli")["origin"])
    lost = max(0, old.size - number)
    document = {"number": number, "origin": origin, "old_origin": old.origin, "lost": lost}
    text = facts(
        [
            ("new origin", origin),
            ("continues", f"{old.origin}, of which {old.size} events were signed"),
            ("lost", counted(lost, "event")),
            ("recorded in", f"event {number}"),
        ]
    )
    show(arguments, document, f"{text}\n{RESTART}")


async def resume(arguments: argparse.Namespace) -> None:
    installation = installation_of(arguments)
    signed = await asyncio.to_thread(_read_checkpoint, arguments.checkpoint, installation)
    async with system_database(installation) as database:
        if await _root_at(database, signed.size) != signed.root:
            raise CommandFailed(
                f"The first {signed.size} events still differ from those that were signed:"
                " see docs/operations/restore.md."
            )
        ended = await database.fetchval(load_queries("cli")["end_halt"])
    print("The log accepts events again." if ended else "The log was not halted.")
    print(RESTART)


async def _root_at(database: Connection[Record], size: int) -> bytes | None:
    """The root over the stored texts; None when there are fewer events."""
    query, tree = load_queries("cli")["leaf_hashes_of_texts"], TileBuilder()
    while tree.size < size:
        start, end = tree.size, min(tree.size + PAGE_LEAVES, size)
        joined = await database.fetchval(query, start, end)
        if joined is None or len(joined) != (end - start) * HASH_BYTES:
            return None
        tree.extend([joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)])
    return tree.root()


def _read_checkpoint(file: str | None, installation: Installation) -> Checkpoint:
    path = Path(file) if file else SignerFiles(installation.data_dir / "signer").note_path
    try:
        return read_unverified_note(path.read_text("utf-8", "replace"))[0]
    except OSError as error:
        raise CommandFailed(
            f"The checkpoint {path} cannot be read: {error.strerror}. Name one with --checkpoint."
        ) from error
    except BadCheckpoint as error:
        raise CommandFailed(f"{path} is not a checkpoint: {error}.") from error
