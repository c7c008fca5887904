"""Verify an export of a Pushgate event log without Pushgate, its operator, or a network.

    python verify.py EXPORT CHECKPOINT KEY [--previous F] [--checkpoints F] [--receipts F] [--whole]

EXPORT has one event per line. SHA-256 of a zero byte and a line is a leaf of the Merkle tree (RFC
6962); CHECKPOINT signs its size and root (C2SP tlog-checkpoint, Ed25519). KEY: text or file.
--previous: an earlier checkpoint, which this log must extend. --checkpoints: older ones, to find
where a change begins. --receipts: one receipt per line, checked against the seals. Unless --whole,
a hash may replace what you may not see. Exit code 0: verified, 1: not. Needs only `cryptography`.
"""

import argparse
import base64
import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})")
NOTE = re.compile(r"([^\n]+)\n(0|[1-9]\d{0,18})\n([\w+/]{43}=)\n\n((?:— \S+ \S+\n)+)", re.ASCII)
SEQUENCE = slice(33, 53)  # in a line: {"specversion":"1.0","sequence":"00000000000000000007",
HIDDEN = re.compile(rb'{["a-z:.,0-9]+,"leaf_hash":"(\w{64})"}\n?')
TIME = slice(63, 90)  # "time":"2026-11-23T12:00:00.000001Z",


class TreeHead(NamedTuple):
    origin: str
    size: int
    root: bytes

    def begins(self, leaves: list[bytes]) -> bool:
        return len(leaves) >= self.size and root_of(leaves[: self.size]) == self.root


class NotVerified(Exception):
    """The verdict, why, and the lowest number of an event or receipt that is not proven, if any."""


def lines_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as lines:
        yield from lines


def leaves_of(lines: Iterable[bytes], *, whole: bool) -> list[bytes]:
    given = (lambda _: None) if whole else hash_given
    return [given(line) or sha256(b"\x00" + line.rstrip(b"\n")).digest() for line in lines]


def hash_given(line: bytes) -> bytes | None:
    """The hash that replaces an event or receipt of another account; a whole line is longer."""
    hidden = len(line) < 150 and HIDDEN.fullmatch(line)  # noqa: PLR2004 - see above
    return bytes.fromhex(hidden[1].decode()) if hidden else None


def root_of(leaves: list[bytes]) -> bytes:
    """Neighbours are hashed together, level by level; one without a neighbour moves up."""
    level = leaves
    while len(level) > 1:
        unpaired = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + unpaired
    return level[0] if level else sha256(b"").digest()


def key_id(origin: str, public_key: bytes) -> str:
    return sha256(origin.encode() + b"\n\x01" + public_key).hexdigest()[:8]


def read_key(text: str) -> bytes:
    """The public key of name+id+base64. Its name is the log's origin, which a restore changes."""
    match = KEY.fullmatch(text.strip())
    if match and key_id(match[1], public_key := base64.b64decode(match[3])[1:]) == match[2]:
        return public_key
    raise NotVerified("wrong_key", "the verifier key is malformed: it must be name+id+base64")


def open_note(note: str, public_key: bytes) -> TreeHead | None:
    """The checkpoint, if this key signed it. Other signatures are ignored."""
    if (match := NOTE.fullmatch(note)) is None:
        return None
    origin, size, root, signatures = match.groups()
    text = note[: match.start(4) - 1].encode()
    for _, name, encoded in (line.split(" ") for line in signatures.splitlines()):
        raw = base64.b64decode(encoded + "==")
        if (name, raw[:4].hex()) == (origin, key_id(origin, public_key)):
            try:
                Ed25519PublicKey.from_public_bytes(public_key).verify(raw[4:], text)
            except InvalidSignature:
                break
            return TreeHead(origin, int(size), base64.b64decode(root))
    return None


def verify_events(
    export: Path, leaves: list[bytes], now: TreeHead, old: TreeHead | None, known: Iterable[Any]
) -> None:
    """Raises NotVerified unless these leaves match the checkpoint and extend the old one."""
    if old and old.origin == now.origin and old.size > now.size:
        raise NotVerified("stale", f"a checkpoint over {old.size} events was seen before", now.size)
    if not now.begins(leaves):
        same_log = {one for one in [*known, old, now] if one and one.origin == now.origin}
        diagnose([*lines_of(export)], leaves, now, sorted(same_log))
    extends = old is None or old.begins(leaves)
    if old and old.origin != now.origin:
        check_restored(export, old, now, extends=extends)
    elif not extends:
        raise NotVerified("altered", "the log does not extend the checkpoint kept before")
    if len(leaves) > now.size:
        raise NotVerified("stale", f"{len(leaves) - now.size} events are not signed yet", now.size)


def check_shown(export: Path) -> int:
    """How many events are hidden. Every stream that is shown must be whole, from version 1 on."""
    hidden = sum(hash_given(line) is not None for line in lines_of(export))
    versions: dict[str, int] = {}
    for event in (json.loads(line) for line in lines_of(export) if hidden and not hash_given(line)):
        stream = event["subject"]
        versions[stream] = versions.get(stream, 0) + 1
        if event["streamversion"] != versions[stream]:
            raise NotVerified("missing", f"{stream} has a gap", int(event["sequence"]))
    return hidden


def check_restored(export: Path, old: TreeHead, now: TreeHead, *, extends: bool) -> None:
    """A log of another origin must state that it was restored, and from where it continues."""
    for number, data in facts(export, "LogRestored"):
        same = data["old_size"] == old.size and data["old_root"] == old.root.hex()
        stated = data["old_origin"] == old.origin and (same or data["old_size"] > old.size)
        # What was signed up to the restore is still there; what came after it is lost.
        if stated and (extends or old.size > number):
            return
    verdict = "truncated" if now.size < old.size else "altered"
    raise NotVerified(verdict, f"{now.origin} does not say it was restored from {old.origin}")


def facts(export: Path, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    mark = f'"type":"{kind}"'.encode()
    for number, line in enumerate(lines_of(export)):
        if mark in line and (event := json.loads(line))["type"] == kind:
            yield number, event["data"]


def diagnose(lines: list[bytes], leaves: list[bytes], now: TreeHead, known: list[TreeHead]) -> None:
    """Names what was done to lines that do not give the signed root. Always raises."""
    numbers = [int(line[SEQUENCE]) if line[SEQUENCE].isdigit() else -1 for line in lines]
    order = sorted(range(len(lines)), key=numbers.__getitem__)
    reject_if_only_reordered([leaves[place] for place in order], order, now)
    there, last = set(numbers), max([*numbers, -1])
    if -1 not in there and last >= len(there):
        first = min(set(range(len(there))) - there)
        raise NotVerified("missing", f"{last + 1 - len(there)} events are missing", first)
    order = sorted(range(len(lines)), key=lambda place: lines[place][TIME])
    renumbered = (
        b"%b%020d%b" % (lines[place][: SEQUENCE.start], number, lines[place][SEQUENCE.stop :])
        for number, place in enumerate(order)
    )
    reject_if_only_reordered(leaves_of(renumbered, whole=False), order, now)
    reached = [one for one in known if one.size <= len(leaves)]
    # Up to some checkpoint all hold, and after it none does.
    place = bisect_left(reached, 1, key=lambda one: int(not one.begins(leaves)))
    good = reached[place - 1].size if place else 0
    if place == len(reached):
        raise NotVerified("truncated", f"{now.size} events were signed", len(lines))
    why = f"something from {good} to {reached[place].size - 1} is not what was signed"
    raise NotVerified("altered", why, good)


def reject_if_only_reordered(leaves: list[bytes], order: list[int], now: TreeHead) -> None:
    moved = [place for place, was in enumerate(order) if place != was]
    if moved and now.begins(leaves):
        raise NotVerified("reordered", "these are the signed events in another order", moved[0])


def verify_receipts(export: Path, receipts: Path, *, whole: bool) -> int:
    """Checks the receipts ({"number":7,…) against each seal; how many are sealed and shown."""
    sealed, checked = 0, 0
    numbered = ((int(line[10 : line.index(b",")]), line) for line in lines_of(receipts))
    following = next(numbered, None)
    for number, seal in facts(export, "ReceiptsSealed"):
        first, sealed, covered = sealed + 1, seal["last"], list[bytes]()
        while following and following[0] <= sealed:
            covered += leaves_of([following[1]], whole=whole)
            checked += hash_given(following[1]) is None
            following = next(numbered, None)
        where = f"receipts {first} to {sealed}, sealed by event {number}"
        if absent := max(0, seal["count"] - len(covered)):
            raise NotVerified("missing", f"{absent} of the {where}, are missing", first)
        found = (first, len(covered), root_of(covered).hex())
        if found != (seal["first"], seal["count"], seal["root"]):
            raise NotVerified("altered", f"the {where}, are not what was sealed", first)
    return checked


def verify(
    export: Path,
    note: str,
    key: str,
    previous: str,
    checkpoints: str,
    *,
    receipts: Path | None,
    whole: bool,
) -> dict[str, Any]:
    """The verdict and its subject; does not raise, whatever the files hold."""
    found: dict[str, Any] = dict.fromkeys(("verdict", "size", "root", "key_id", "first_bad"))
    try:
        public_key = read_key(key)
        now, old = open_note(note, public_key), open_note(previous, public_key)
        if now is None or (previous and old is None):
            return found | {"verdict": "wrong_key", "why": "a checkpoint is not signed by this key"}
        found |= {"size": now.size, "root": now.root.hex()}
        found["key_id"] = key_id(now.origin, public_key)
        known = (open_note(match[0], public_key) for match in NOTE.finditer(checkpoints))
        verify_events(export, leaves_of(lines_of(export), whole=whole), now, old, known)
        hidden = 0 if whole else check_shown(export)
        checked = verify_receipts(export, receipts, whole=whole) if receipts else None
    except NotVerified as error:
        return found | dict(zip(("verdict", "why", "first_bad"), error.args, strict=False))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        return found | {"verdict": "altered", "why": f"a line cannot be read: {error}"}
    return found | {"verdict": "verified", "receipts": checked, "hidden": hidden}


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an export of a Pushgate event log.")
    for name in ("export", "checkpoint", "key", "--previous", "--checkpoints", "--receipts"):
        parser.add_argument(name, default="")
    parser.add_argument("--whole", action="store_true")
    given = parser.parse_args()
    options: Any = {"receipts": given.receipts and Path(given.receipts), "whole": given.whole}
    try:
        key_file = given.key if Path(given.key).is_file() else ""
        names = (given.checkpoint, key_file, given.previous, given.checkpoints)
        note, key, *older = (Path(n).read_text("utf-8", "replace") if n else "" for n in names)
        found = verify(Path(given.export), note, key or given.key, *older, **options)
    except OSError as error:
        parser.error(str(error))
    print(json.dumps(found))
    return 0 if found["verdict"] == "verified" else 1


if __name__ == "__main__":
    raise SystemExit(main())
