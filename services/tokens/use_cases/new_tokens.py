"""Generates tokens; the only place that does. Their format is in protocol/token_text.py."""

import secrets
from dataclasses import dataclass, field

from protocol.token_text import RANDOM_BITS, Prefix, last_four, token_hash, token_text


@dataclass(frozen=True, kw_only=True, slots=True)
class NewToken:
    """``text`` is returned to the caller once and stored nowhere; the rest goes to the log."""

    text: str = field(repr=False)
    hash_hex: str
    last_four: str


def new_token(prefix: Prefix) -> NewToken:
    text = token_text(prefix, secrets.randbits(RANDOM_BITS))
    return NewToken(text=text, hash_hex=token_hash(text).hex(), last_four=last_four(text))
