"""The limits of `pushgate push`, in addition to those of ``pushgate_client``, which sends."""

from protocol.limits import BODY_BYTES_MAX

# A longer record can't be sent even alone; the rest is for what it is wrapped in.
RECORD_BYTES_MAX = BODY_BYTES_MAX - 100_000

CONNECTIONS_MAX = 64

# A gate that never answered is more likely absent than restarting.
GIVE_UP_UNREACHED_SECONDS = 10.0
# After so long without progress, what waits is left in the outbox.
LINGER_SECONDS = 10.0
# An outbox, or its disk, that is full for so long without progress ends the push.
FULL_SECONDS = 120.0

# Sequences reserved for one push: no file has more records.
SEQUENCES = 1_000_000_000

# How many problems a report shows and holds.
PROBLEMS_SHOWN = 20
PROBLEMS_MAX = 10_000

# How often progress is shown: on a terminal, and as plain lines elsewhere.
PROGRESS_SECONDS = 0.2
PROGRESS_LINE_SECONDS = 10.0
