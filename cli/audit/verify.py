"""`audit keys`, `audit verify` and `audit export`: the event log and its signatures."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from audit.trust_store import TrustStore
from audit.verify import Verification, verify_export, verify_live, write_export
from cli.command import Subparsers, add_command
from cli.errors import FAILED, SUCCESS, CommandFailed, reporting_file_errors
from cli.history_api import history_api, reporting_audit_errors
from cli.installation import Installation, installation_of
from cli.output import add_json, facts, show


def register(group: Subparsers) -> None:
    parser = add_command(
        group,
        "keys",
        keys,
        summary="Show the key that signs the log, and its id.",
        example="pushgate audit keys",
    )
    add_json(parser)
    _register_verify(group)
    parser = add_command(
        group,
        "export",
        export,
        summary="Export every event as it is stored, one per line, with its proof.",
        details="With FILE, the checkpoint, the key, the receipts and a verifier that needs no"
        " Pushgate are written next to it.",
        example="pushgate audit export log.ndjson",
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="Where to write the events. Default, or -: standard output, without the proof.",
    )


def _register_verify(group: Subparsers) -> None:
    parser = add_command(
        group,
        "verify",
        verify,
        summary="Verify the log, or an export of it, against its signatures.",
        details="The log must also extend the checkpoint that was verified last.",
        example="pushgate audit verify --key auditor.key",
    )
    parser.add_argument(
        "export",
        nargs="?",
        metavar="EXPORT",
        help="A file that `audit export` wrote. Default: ask the history service.",
    )
    parser.add_argument(
        "--key",
        metavar="KEY",
        help="The verifier key, or a file that holds it. Default: the key verified last.",
    )
    parser.add_argument(
        "--memory",
        metavar="DIRECTORY",
        help="Where the key and the checkpoint verified last are kept. Default: `audit` in the data"
        " directory.",
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="Require every event and receipt to be shown; no hash may replace one.",
    )
    add_json(parser)


async def keys(arguments: argparse.Namespace) -> None:
    async with history_api(installation_of(arguments)) as client:
        key = (await client.text("/log/keys")).strip()
    name, key_id = key.split("+")[:2]
    document = {"key": key, "key_id": key_id, "origin": name}
    show(arguments, document, facts([("key", key), ("key id", key_id), ("log", name)]))


async def verify(arguments: argparse.Namespace) -> int:
    installation = installation_of(arguments)
    directory = Path(arguments.memory) if arguments.memory else installation.data_dir / "audit"
    with reporting_file_errors(), reporting_audit_errors():
        verification = await _verify(arguments, installation, TrustStore(directory))
    of_export = arguments.export is not None
    show(arguments, verification.result, verification_text(verification, of_export=of_export))
    return SUCCESS if verification.verified else FAILED


async def _verify(
    arguments: argparse.Namespace, installation: Installation, trust_store: TrustStore
) -> Verification:
    key = await asyncio.to_thread(_read_key, arguments.key)
    whole = arguments.whole
    if arguments.export is None:
        async with history_api(installation) as client:
            return await verify_live(client, trust_store, key, whole=whole)
    path = Path(arguments.export)
    return await asyncio.to_thread(verify_export, path, key, trust_store, whole=whole)


async def export(arguments: argparse.Namespace) -> None:
    async with history_api(installation_of(arguments)) as client:
        if arguments.file in {None, "-"}:
            async for line in client.lines("/events"):
                sys.stdout.buffer.write(line + b"\n")
            sys.stdout.flush()
            return
        path = await asyncio.to_thread(writable_path, arguments.file)
        with reporting_file_errors():
            size = await write_export(client, path)
    print(f"{size} events, all signed: {path}")
    print(f"Verify them anywhere: python verify.py {path.name} {path.name}.checkpoint KEY")


def writable_path(name: str) -> Path:
    """Raises CommandFailed, before anything is fetched."""
    path = Path(name)
    if not path.name or path.is_dir() or not path.parent.is_dir():
        raise CommandFailed(f"{name!r} cannot be written: name a file in an existing directory.")
    return path


def _read_key(given: str | None) -> str:
    """``given``: a key, or the name of a file that holds one."""
    if not given:
        return ""
    return Path(given).read_text("utf-8", "replace") if Path(given).is_file() else given


def verification_text(verification: Verification, *, of_export: bool) -> str:
    result = verification.result
    lines: list[tuple[str, object]] = [("verdict", result["verdict"])]
    if result["size"] is not None:
        # How it relates to the last one is only known when all is well.
        relation = _relation_text(verification, of_export=of_export)
        known = f" ({relation})" if verification.verified else ""
        lines += [
            ("checkpoint", f"{result['size']} events{known}"),
            ("root", result["root"]),
            ("key id", result["key_id"]),
        ]
    if not verification.verified:
        lines.append(("why", result["why"]))
        if result["first_bad"] is not None:
            lines.append(("first bad", result["first_bad"]))
        return facts(lines)
    lines.append(("events", f"{result['size']}/{result['size']} are as they were signed"))
    if result["hidden"]:
        shown = result["size"] - result["hidden"]
        lines.append(("shown", f"{shown}; the others belong to other accounts"))
    receipts = result["receipts"]
    checked = "not checked" if receipts is None else f"{receipts} are as they were sealed"
    lines.append(("receipts", checked))
    return facts(lines)


def _relation_text(verification: Verification, *, of_export: bool) -> str:
    if of_export and verification.relation == "first":
        return "of the export"
    last = (
        f"{verification.last_verified_at:%Y-%m-%d %H:%M}" if verification.last_verified_at else ""
    )
    text = {
        "first": "the first one verified",
        "extends": f"extends the one verified {last}",
        "restored": f"restored since the one verified {last}: ask what was lost",
        "not comparable": "not compared with the one verified last",
    }[verification.relation]
    return f"of the export; {text}" if of_export else text
