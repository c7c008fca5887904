"""The admission decision: may this request be accepted, given its token's row? Pure."""

from typing import NamedTuple

from protocol.refusals import Refusal
from protocol.refusals.edge import ConnectionNotActive, TokenUnknown
from protocol.refusals.push import ForeignClient
from protocol.validation import Validated
from services.journal.candidates import TokenRow


class TokenOwner(NamedTuple):
    """The integration and the id of a token that the database knows, active or revoked."""

    integration_id: int | None
    token_id: int | None


# The owner of a missing, malformed or unknown token.
UNKNOWN_OWNER = TokenOwner(None, None)

# Stands for a well-formed token that cannot be looked up, where a response is due all the same and
# nothing is stored: /validate while the database is unreachable (wire contract 1.5).
UNVERIFIED = TokenRow(token_id=0, integration_id=0, client_id=None, state="active")


def admit(token: TokenRow | None, validated: Validated) -> Refusal | None:
    """None if the request is admitted, else the first refusal in the order of wire contract 2.5.

    ``token`` is None if it is unknown or revoked.
    """
    if token is None:
        return TokenUnknown()
    if validated.refusal_before_owner_check is not None:
        return validated.refusal_before_owner_check
    if None not in (validated.client_id, token.client_id) and (
        validated.client_id != token.client_id
    ):
        return ForeignClient()
    if token.state != "active":
        return ConnectionNotActive()
    return validated.refusal_after_owner_check
