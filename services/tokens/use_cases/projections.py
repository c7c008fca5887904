"""What the token service projects, and what is held against the log."""

from events.replay import LOG, Projection

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
# Each table with its fold, and the log's own columns with the texts that they are read from.
REPLAYED = (LOG, *PROJECTIONS)
