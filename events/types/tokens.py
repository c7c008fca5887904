"""Facts of access tokens, in the stream of their integration."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenGenerated:
    """``token_hash`` is SHA-256 of the token text, 64 hex digits; the text itself is not stored."""

    token_id: int
    token_hash: str
    last_four: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRevoked:
    token_id: int
