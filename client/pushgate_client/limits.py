"""Every limit of the client, with its unit. A test compares those of the gate with its own."""

# Limits of the gate, for one request and its contents.
BODY_BYTES_MAX = 20_000_000
RECORDS_MAX = 20_000
SEQUENCE_MAX = 2**63 - 1

# Defaults for one request: small enough that a refusal affects few records, large enough that the
# cost of the request itself is low.
REQUEST_RECORDS = 1_000
REQUEST_BYTES = 4_000_000
CONNECTIONS = 4
# Bodies under way on all connections together. One body may always be sent, whatever its size.
IN_DELIVERY_BYTES_MAX = 24_000_000

# The outbox on disk.
OUTBOX_BYTES_MAX = 4_000_000_000
SEGMENT_BYTES_MAX = 16_000_000
SEGMENT_ENTRIES_MAX = 16_384
HEADER_BYTES_MAX = 1_000_000
# A segment with only settled entries is deleted from this size on, although it could grow.
IDLE_SEGMENT_BYTES = 1_000_000
# Segments of set-aside entries of which less than this part is still needed are rewritten.
LIVE_PART_MIN = 0.25
# The entries and bytes that share one flush to disk.
GROUP_ENTRIES_MAX = 512
GROUP_BYTES_MAX = 8_000_000
# Appended and not yet on disk; further appends wait.
PENDING_BYTES_MAX = 16_000_000

# The head of the queue in memory: its entries, and the bytes of small bodies read with them.
READY_QUEUE_ENTRIES = 256
READY_QUEUE_BYTES = 4_000_000
INLINE_BODY_BYTES = 64_000
# The entries set aside last, by which one that comes again after a crash is recognised.
RECENT_SET_ASIDE = 4_096

# Each set-aside part of a batch has the batch's schema. Above this size, and above twice that of
# the batch, they are set aside together, with one schema.
ASIDE_PARTS_BYTES = 1_000_000
# How much of their answers is stored with them, in characters.
ASIDE_ANSWERS_MAX = 10_000

# Sending. A pause is drawn at random from the upper half of its length, so that clients that were
# refused together do not return together.
# The time from the end of a body to its answer, and the lowest rate of an upload.
REQUEST_SECONDS_MAX = 60.0
UPLOAD_BYTES_PER_SECOND_MIN = 10_000
PAUSE_SECONDS = 0.25
PAUSE_SECONDS_MAX = 30.0
# The longest pause that a gate may ask for (Retry-After).
RETRY_AFTER_SECONDS_MAX = 300.0
# While a token does not work: the pause between attempts, and between looks for a changed token.
HOLD_SECONDS = 1.0
HOLD_SECONDS_MAX = 60.0
TOKEN_LOOK_SECONDS = 0.5
TOKEN_BYTES_MAX = 4_096
# Without an outbox the caller waits for the answer.
GIVE_UP_SECONDS = 120.0
# At the end of a client with an outbox: how long it goes on sending what waits.
LINGER_SECONDS = 10.0
# At the end of a delivery: how long requests under way are waited for.
STOP_SECONDS = 5.0
# How much of an answer is read and quoted.
ANSWER_BYTES_MAX = 100_000
ANSWER_CHARACTERS_MAX = 400
# The pause before a full disk is tried again.
DISK_LOOK_SECONDS = 1.0
# Sequences are nanoseconds; so many are reserved on disk before they are used.
SEQUENCES_RESERVED = 1_000_000_000
# How often counts are written for other processes.
COUNTS_SECONDS = 1.0
