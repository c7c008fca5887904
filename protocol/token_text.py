"""What a token looks like: prefix, randomness, checksum. The rule is the design's promise 4.

A checksum over prefix and randomness lets anybody tell a mangled token (cut, retyped, of another
kind) from one that was never ours or is no longer valid, without asking a database.
"""

import hashlib
import re
import zlib
from enum import StrEnum
from typing import Literal

# at_: pushes records (an access token). ac_: speaks to the Connect API (a Connect token).
Prefix = Literal["at_", "ac_"]

RANDOM_BITS = 256
RANDOM_CHARACTERS = 43
CHECKSUM_CHARACTERS = 6
LAST_CHARACTERS = 4

# Published for secret scanners. A match whose checksum fails is no token of ours.
PUBLISHED_PATTERN = r"\ba[tc]_[0-9A-Za-z]{49}\b"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
# Wider than a token's form: mangled ones are still secrets.
_TO_BE_MASKED = re.compile(r"(a[tc])_[0-9A-Za-z]{20,}")
_BODY = re.compile(r"[0-9A-Za-z]{49}")


class TokenShape(StrEnum):
    WELL_FORMED = "well formed"
    MANGLED = "mangled"
    NOT_OURS = "not ours"


def token_text(prefix: Prefix, randomness: int) -> str:
    """``randomness`` is a number of 256 bits; where it comes from is the caller's duty."""
    if not 0 <= randomness < 1 << RANDOM_BITS:
        raise ValueError("the randomness of a token is a number of 256 bits")
    body = prefix + _base62(randomness, RANDOM_CHARACTERS)
    return body + _checksum(body)


def recognise_token(unverified: str, prefix: Prefix) -> TokenShape:
    """Never raises, whatever the text. Well formed says nothing about being known or active.

    A token of the other kind is not ours here.
    """
    if not unverified.startswith(prefix):
        return TokenShape.NOT_OURS
    if not _BODY.fullmatch(unverified, len(prefix)):
        return TokenShape.MANGLED
    body, checksum = unverified[:-CHECKSUM_CHARACTERS], unverified[-CHECKSUM_CHARACTERS:]
    return TokenShape.WELL_FORMED if checksum == _checksum(body) else TokenShape.MANGLED


def token_hash(well_formed: str) -> bytes:
    """SHA-256, 32 bytes: all that is ever stored of a token besides its last four characters."""
    return hashlib.sha256(well_formed.encode("ascii")).digest()


def last_four(well_formed: str) -> str:
    """Of the checksum, so they tell nothing that helps to guess the rest."""
    return well_formed[-LAST_CHARACTERS:]


def masked(text: str) -> str:
    """For what people and logs are told: somebody may have put a token where none belongs."""
    return _TO_BE_MASKED.sub(r"\1_***", text)


def _checksum(body: str) -> str:
    # For every push that is made: three looks into a table, and no loop.
    high, low = divmod(zlib.crc32(body.encode("ascii")), len(_PAIRS))
    high, middle = divmod(high, len(_PAIRS))
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def _base62(number: int, characters: int) -> str:
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
