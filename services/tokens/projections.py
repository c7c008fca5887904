"""What the token service projects; `audit replay` compares each table with its fold."""

from events.replay import Projection

PROJECTIONS = tuple(
    Projection("services.tokens", table)
    for table in (
        "accounts",
        "connect_tokens",
        "members",
        "integrations",
        "schema_names",
        "active_tokens",
        "retired_tokens",
    )
)
