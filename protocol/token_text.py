"""The format of tokens: prefix, randomness, checksum (design, promise 4).

The checksum over prefix and randomness distinguishes a mangled token (truncated, mistyped, of
another kind) from an unknown or revoked one without a database query.
"""

import hashlib
import re
import zlib
from enum import StrEnum
from typing import Literal

# at_: an access token, which pushes records. ac_: a Connect token, for the Connect API.
Prefix = Literal["at_", "ac_"]

RANDOM_BITS = 256
RANDOM_CHARACTERS = 43
CHECKSUM_CHARACTERS = 6
LAST_CHARACTERS = 4

# Published for secret scanners. A match with a wrong checksum is not a token of Pushgate.
PUBLISHED_PATTERN = r"\ba[tc]_[0-9A-Za-z]{49}\b"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
# Wider than the format of a token: a mangled token is still a secret.
_TO_BE_MASKED = re.compile(r"(a[tc])_[0-9A-Za-z]{20,}")
_BODY = re.compile(r"[0-9A-Za-z]{49}")


class TokenShape(StrEnum):
    WELL_FORMED = "well formed"
    MANGLED = "mangled"
    NOT_OURS = "not ours"


def token_text(prefix: Prefix, randomness: int) -> str:
    """``randomness`` is a 256-bit number from a cryptographic source, supplied by the caller."""
    if not 0 <= randomness < 1 << RANDOM_BITS:
        raise ValueError("the randomness of a token is a number of 256 bits")
    body = prefix + _base62(randomness, RANDOM_CHARACTERS)
    return body + _checksum(body)


def recognise_token(unverified: str, prefix: Prefix) -> TokenShape:
    """Never raises. A well-formed token may still be unknown or revoked.

    A token with the other prefix is NOT_OURS.
    """
    if not unverified.startswith(prefix):
        return TokenShape.NOT_OURS
    if not _BODY.fullmatch(unverified, len(prefix)):
        return TokenShape.MANGLED
    body, checksum = unverified[:-CHECKSUM_CHARACTERS], unverified[-CHECKSUM_CHARACTERS:]
    return TokenShape.WELL_FORMED if checksum == _checksum(body) else TokenShape.MANGLED


def token_hash(well_formed: str) -> bytes:
    """SHA-256, 32 bytes. Only this and the last four characters of a token are ever stored."""
    return hashlib.sha256(well_formed.encode("ascii")).digest()


def last_four(well_formed: str) -> str:
    """The last characters of the checksum, which do not help to guess the token."""
    return well_formed[-LAST_CHARACTERS:]


def masked(text: str) -> str:
    """``text`` with tokens masked, for messages and logs that repeat user input."""
    return _TO_BE_MASKED.sub(r"\1_***", text)


def _checksum(body: str) -> str:
    # Runs for every push: three table look-ups instead of a loop.
    high, low = divmod(zlib.crc32(body.encode("ascii")), len(_PAIRS))
    high, middle = divmod(high, len(_PAIRS))
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def _base62(number: int, characters: int) -> str:
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
