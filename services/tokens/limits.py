"""The token service's limits, each with its unit and its reason."""

from dataclasses import dataclass

# Two, so that a token can be rotated without downtime; a third would be a forgotten one.
ACTIVE_TOKENS_MAX = 2

# A limit, since a fact may have 65,535 bytes and this is displayed in lists.
DISPLAY_NAME_CHARACTERS_MAX = 255
ACCOUNT_NAME_CHARACTERS_MAX = 200
PAUSED_AT_CHARACTERS_MAX = 64
TOKEN_LABEL_CHARACTERS_MAX = 80

# The members of an account are shown on one page.
MEMBERS_MAX = 200
EMAIL_CHARACTERS_MAX = 254
# Length instead of composition rules. The maximum limits what is hashed; no passphrase is longer.
PASSWORD_CHARACTERS_MIN = 12
PASSWORD_CHARACTERS_MAX = 1_024

# "under 50 characters", wire contract S4.
SCHEMA_NAME_CHARACTERS_MAX = 49

# The largest valid body is a small JSON object.
BODY_BYTES_MAX = 65_536
BODY_SECONDS_MAX = 10.0

# Requests in progress: limits how many a hanging database can accumulate.
CONCURRENT_REQUESTS_MAX = 256
# Appends queue at the log's single lock; more callers there only form a convoy (event-log 2.1).
CONCURRENT_APPENDS_MAX = 4
CONNECTIONS_MAX = 10

RETRY_AFTER_SECONDS = 2

# How long a one-time sign-in link is valid.
LINK_HOURS = 72
# Hashing a password takes a core and much memory, by design; further callers wait, and beyond the
# queue they are refused with Busy.
CONCURRENT_PASSWORD_HASHES_MAX = 2
QUEUED_PASSWORD_HASHES_MAX = 16
# Failed sign-ins. Per pair of e-mail address and peer, and per peer, attempts beyond the maximum
# are refused without checking the password; the counts decay. Per e-mail address from any peer,
# each failure only delays the next attempt, up to a limit: no one can lock another person out.
FAILURES_PER_PAIR_MAX = 10
FAILURES_PER_PEER_MAX = 50
FAILURES_DECAY_PER_MINUTE = 6
FAILURES_BEFORE_DELAY = 5
LOGIN_DELAY_SECONDS_MAX = 2.0
FAILURES_RETENTION_MINUTES = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and how long a command is retried before it is refused with 503.

    While other commands move its stream, each attempt lets at least one of them finish; attempts
    also bridge a short outage of the database. ``command_seconds_max``: waiting for a slot, and
    from the first attempt to the last. ``barrier_seconds_max``: waiting for pushes in progress.
    """

    attempts_max: int = 12
    delay_seconds_min: float = 0.005
    delay_seconds_max: float = 0.2
    command_seconds_max: float = 12.0
    barrier_seconds_max: float = 5.0
