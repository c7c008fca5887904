"""What `pushgate push` adds to the limits of ``pushgate_client``, which does the sending."""

from protocol.limits import BODY_BYTES_MAX

# Longer can't be sent even alone; room is left for what a record is wrapped in.
RECORD_BYTES_MAX = BODY_BYTES_MAX - 100_000

CONNECTIONS_MAX = 64

# A gate that never answered is rather not there than restarting.
GIVE_UP_UNREACHED_SECONDS = 10.0
# Without any progress for so long, what waits is left in the outbox.
LINGER_SECONDS = 10.0
# An outbox, or its disk, that is full for so long without any progress ends the push.
FULL_SECONDS = 120.0

# Sequences promised to one push through an outbox: more records than that no file has.
SEQUENCES = 1_000_000_000

# A report: how many problems it shows and holds.
PROBLEMS_SHOWN = 20
PROBLEMS_MAX = 10_000

# How far it is: on a terminal, and as plain lines elsewhere.
PROGRESS_SECONDS = 0.2
PROGRESS_LINE_SECONDS = 10.0
