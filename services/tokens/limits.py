"""The token service's limits, each with its unit and its reason."""

from dataclasses import dataclass

# Two, so that a token can be rotated without a pause; a third would be a forgotten one.
ACTIVE_TOKENS_MAX = 2

# A bound, since a fact may hold 65,535 bytes and a person reads this in a list.
DISPLAY_NAME_CHARACTERS_MAX = 255
ACCOUNT_NAME_CHARACTERS_MAX = 200
PAUSED_AT_CHARACTERS_MAX = 64
TOKEN_LABEL_CHARACTERS_MAX = 80

# Its people, on one page.
MEMBERS_MAX = 200
EMAIL_CHARACTERS_MAX = 254
# Length over rules. The upper one bounds what is hashed, and is longer than any phrase.
PASSWORD_CHARACTERS_MIN = 12
PASSWORD_CHARACTERS_MAX = 1_024

# "under 50 characters", wire contract S4.
SCHEMA_NAME_CHARACTERS_MAX = 49

# Four objects of a few short members are all that anybody sends here.
BODY_BYTES_MAX = 65_536
BODY_SECONDS_MAX = 10.0

# Requests in hand; a database that hangs must not collect them without end.
CONCURRENT_REQUESTS_MAX = 256
# Appends queue at the log's one lock; more callers there only make a convoy (event-log 2.1).
CONCURRENT_APPENDS_MAX = 4
CONNECTIONS_MAX = 10

RETRY_AFTER_SECONDS = 2

# A one-time link to sign in with: as long as somebody may take to open it.
LINK_HOURS = 72
# Hashing a password takes a core and much memory, on purpose; more callers wait, and then are
# told to come back.
CONCURRENT_PASSWORD_HASHES_MAX = 2
QUEUED_PASSWORD_HASHES_MAX = 16
# Failures to sign in. With one address from one place as many are free, and from one place in all;
# each minute forgives some. Beyond it nothing is looked at. With one address from anywhere every
# failure makes the next attempt slower, up to a limit: nobody can lock somebody else out.
FAILURES_PER_PAIR_MAX = 10
FAILURES_PER_PEER_MAX = 50
FAILURES_DECAY_PER_MINUTE = 6
FAILURES_BEFORE_DELAY = 5
LOGIN_DELAY_SECONDS_MAX = 2.0
FAILURES_RETENTION_MINUTES = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How long a command is tried before it is answered with 503.

    While others move its stream each attempt lets at least one of them get on; attempts also
    bridge a short absence of the database. ``command_seconds_max``: waiting for a turn, and from
    the first attempt to the last. ``barrier_seconds_max``: waiting for the pushes in hand.
    """

    attempts_max: int = 12
    delay_seconds_min: float = 0.005
    delay_seconds_max: float = 0.2
    command_seconds_max: float = 12.0
    barrier_seconds_max: float = 5.0
