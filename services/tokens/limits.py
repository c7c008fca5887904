"""The token service's limits, each with its unit and its reason."""

# Two, so that a token can be rotated without a pause; a third would be a forgotten one.
ACTIVE_TOKENS_MAX = 2

# A bound, since a fact may hold 65,535 bytes and a person reads this in a list.
DISPLAY_NAME_CHARACTERS_MAX = 255
ACCOUNT_NAME_CHARACTERS_MAX = 200
PAUSED_AT_CHARACTERS_MAX = 64

# "under 50 characters", wire contract S4.
SCHEMA_NAME_CHARACTERS_MAX = 49

# Four objects of a few short members are all that anybody sends here.
BODY_BYTES_MAX = 65_536
BODY_SECONDS_MAX = 10.0

# Appends queue at the log's one lock; more callers there only make a convoy (event-log 2.1).
APPENDS_AT_ONCE_MAX = 4
CONNECTIONS_MAX = 10

# A command is tried again while others move its stream; each round at least one of them gets on.
ATTEMPTS_MAX = 12
PAUSE_SECONDS_MIN = 0.005
PAUSE_SECONDS_MAX = 0.2
# Waiting for a turn, for locks and for other people's appends together; then 503.
COMMAND_SECONDS_MAX = 12.0
BARRIER_LOCK_SECONDS_MAX = 5
RETRY_AFTER_SECONDS = 2
