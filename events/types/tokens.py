"""Facts of an integration's tokens, in the integration's stream."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenGenerated:
    """``token_hash`` is SHA-256 of the token text, 64 hex digits; the text itself is nowhere."""

    token_id: int
    token_hash: str
    last_four: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRevoked:
    token_id: int
