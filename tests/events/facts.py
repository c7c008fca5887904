"""Facts for tests of the log itself: valid for the projections, otherwise without meaning."""

import hashlib
from itertools import count

from events.types import AccountOpened, ConnectTokenGenerated, IntegrationCreated, TokenGenerated

_ids = count(1)


def opened(account_id: int) -> AccountOpened:
    return AccountOpened(account_id=account_id)


def connect_token() -> ConnectTokenGenerated:
    """A new one each time."""
    number = next(_ids)
    return ConnectTokenGenerated(
        connect_token_id=number, token_hash=_hash(f"c{number}"), last_four="abcd", role="member"
    )


def created(integration_id: int, *, account_id: int = 1, name: str = "") -> IntegrationCreated:
    schema_name = name or f"i{integration_id}"
    return IntegrationCreated(
        integration_id=integration_id,
        account_id=account_id,
        display_name=schema_name,
        schema_name=schema_name,
    )


def token(token_id: int) -> TokenGenerated:
    return TokenGenerated(token_id=token_id, token_hash=_hash(f"t{token_id}"), last_four="abcd")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
