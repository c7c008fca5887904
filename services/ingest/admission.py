"""May this come in now? Decided from the token's row and what the request holds. Pure."""

from typing import NamedTuple

from protocol.refusals import Refusal
from protocol.refusals.edge import ConnectionNotActive, TokenUnknown
from protocol.refusals.push import ForeignClient
from protocol.validation import Validated


class Token(NamedTuple):
    """A row of ``tokens.active_tokens``; ``state`` is the integration's.

    ``client_id`` is None only for a token that could not be looked up (see ASSUMED_ACTIVE).
    """

    token_id: int
    integration_id: int
    client_id: int | None
    state: str


class TokenOwner(NamedTuple):
    """The integration and the id of a token that the database knows, active or revoked."""

    integration_id: int | None
    token_id: int | None


# The owner of a missing, malformed or unknown token.
UNKNOWN_OWNER = TokenOwner(None, None)


# Stands for a well-formed token that nobody can say anything of, where something must be said all
# the same and nothing can come in by it: /validate while the store is away (wire contract 1.5).
ASSUMED_ACTIVE = Token(token_id=0, integration_id=0, client_id=None, state="active")


def admit(token: Token | None, checked: Validated) -> Refusal | None:
    """None to let it in, else the first refusal in the order of wire contract 2.5.

    ``token`` is None for one that is unknown or revoked.
    """
    if token is None:
        return TokenUnknown()
    if checked.refusal_before_owner_check is not None:
        return checked.refusal_before_owner_check
    if None not in (checked.client_id, token.client_id) and checked.client_id != token.client_id:
        return ForeignClient()
    if token.state != "active":
        return ConnectionNotActive()
    return checked.refusal_after_owner_check
