"""Signed checkpoints and proofs as C2SP signed-note, tlog-checkpoint and tlog-proof. Pure.

A checkpoint states the origin of a log, its number of events and the root over them. It contains no
time: those who keep a copy know when they saw it. The name of the key is the origin of the log.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from events.merkle import HASH_BYTES

ED25519 = b"\x01"
PUBLIC_KEY_BYTES = 32
NOTE_CHARACTERS_MAX = 100_000
SIGNATURES_MAX = 100

_CHECKPOINT = re.compile(r"\A([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n\Z")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"


class BadCheckpoint(Exception):
    """The text is not a checkpoint signed by the given key, and proves nothing."""


class WrongKey(BadCheckpoint):
    """The checkpoint may be well formed, but the given key did not sign it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


class VerifierKey(NamedTuple):
    """The public key that a verifier needs; its text form is ``name+key id+base64``."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(ED25519 + self.public_key)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError if the text is not an Ed25519 verifier key or was mistyped."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _from_base64(encoded)
        if not name or raw is None or raw[:1] != ED25519 or len(raw) != 1 + PUBLIC_KEY_BYTES:
            raise ValueError("a verifier key is name+id+base64 of an Ed25519 public key")
        key = cls(name, raw[1:])
        if key.key_id.hex() != key_id:
            raise ValueError(f"this key's id is {key.key_id.hex()}, not {key_id}: it was mistyped")
        return key

    def renamed(self, name: str) -> Self:
        """The same public key for a log of another origin, as after a restore."""
        return self._replace(name=name)


def verifier_key(name: str, private_key: Ed25519PrivateKey) -> VerifierKey:
    return VerifierKey(name, private_key.public_key().public_bytes_raw())


def sign(checkpoint: Checkpoint, private_key: Ed25519PrivateKey) -> str:
    """The signed note. Ed25519 is deterministic: the same checkpoint gives the same note."""
    key = verifier_key(checkpoint.origin, private_key)
    signature = _base64(key.key_id + private_key.sign(checkpoint.text().encode()))
    return f"{checkpoint.text()}\n— {key.name} {signature}\n"


def open_note(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint, if ``key`` signed it. Raises WrongKey, or BadCheckpoint if it is not a note.

    Signatures of other keys are ignored, so that a log can rotate its key and witnesses can add
    theirs. A signature by ``key`` that does not verify invalidates the whole note.
    """
    checkpoint, signatures = read_unverified_note(note)
    public_key = Ed25519PublicKey.from_public_bytes(key.public_key)
    ours = [raw[4:] for name, raw in signatures if (name, raw[:4]) == (key.name, key.key_id)]
    if not ours:
        raise WrongKey(f"no signature by {key.name}+{key.key_id.hex()}")
    for signature in ours:
        try:
            public_key.verify(signature, checkpoint.text().encode())
        except InvalidSignature as error:
            raise WrongKey(f"a signature by {key.name} does not verify") from error
    return checkpoint


def read_unverified_note(note: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """Parse a note without verifying it, to find out which log and key it claims to be from."""
    text, blank, tail = note.rpartition("\n\n")
    if not blank or len(note) > NOTE_CHARACTERS_MAX or not tail.endswith("\n"):
        raise BadCheckpoint("a note is a text, an empty line, and lines with signatures")
    match = _CHECKPOINT.match(text + "\n")
    if match is None or _CONTROL.search(text):
        raise BadCheckpoint("a checkpoint's text is three lines: origin, size, root in base64")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise BadCheckpoint(f"more than {SIGNATURES_MAX} signatures")
    root = _from_base64(match[3])
    if root is None or len(root) != HASH_BYTES:
        raise BadCheckpoint("the root is no base64 of 32 bytes")
    checkpoint = Checkpoint(origin=match[1], size=int(match[2]), root=root)
    return checkpoint, [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    raw = _from_base64(match[2]) if match else None
    if match is None or raw is None or len(raw) < 5:  # noqa: PLR2004 — four bytes of key id, then
        raise BadCheckpoint("a signature line is: —, a name, and base64")
    return match[1], raw


class InclusionProof(NamedTuple):
    """The note inside has not been verified."""

    number: int
    hashes: list[bytes]
    note: str


def proof_text(number: int, hashes: Sequence[bytes], note: str) -> str:
    """A tlog-proof: everything needed to verify one event without the log."""
    lines = [_PROOF_HEADER, f"index {number}", *(_base64(one) for one in hashes), "", note]
    return "\n".join(lines)


def read_proof(text: str) -> InclusionProof:
    """Raises BadCheckpoint if the text is not a tlog-proof."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines[1:2] and lines[1].startswith("extra "):
        del lines[1]
    if lines[0] != _PROOF_HEADER or not re.fullmatch(r"index (0|[1-9][0-9]*)", "".join(lines[1:2])):
        raise BadCheckpoint(f"a proof begins with {_PROOF_HEADER} and an index")
    hashes = [_from_base64(line) for line in lines[2:]]
    whole = [one for one in hashes if one is not None and len(one) == HASH_BYTES]
    if len(whole) != len(hashes):
        raise BadCheckpoint("a hash of the proof is no base64 of 32 bytes")
    return InclusionProof(int(lines[1].removeprefix("index ")), whole, note)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str) -> bytes | None:
    """None unless ``text`` is the canonical encoding, so that each value has one text."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _base64(raw) == text else None
