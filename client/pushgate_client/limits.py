"""Every limit of the client, with its unit. Those of the gate are equal to its own, by a test."""

# The gate's: of one request, and of what is in it.
BODY_BYTES_MAX = 20_000_000
RECORDS_MAX = 20_000
SEQUENCE_MAX = 2**63 - 1

# What is sent at once unless told otherwise: small enough that a refusal concerns few records,
# large enough that the request itself costs little.
REQUEST_RECORDS = 1_000
REQUEST_BYTES = 4_000_000
CONNECTIONS = 4
# Bodies that are under way, all connections together. One body always goes, whatever its size.
UNDER_WAY_BYTES_MAX = 24_000_000

# The outbox on disk.
OUTBOX_BYTES_MAX = 4_000_000_000
SEGMENT_BYTES_MAX = 16_000_000
SEGMENT_ENTRIES_MAX = 16_384
HEADER_BYTES_MAX = 1_000_000
# A segment whose entries are all done is deleted once it has this size, although it could grow.
IDLE_SEGMENT_BYTES = 1_000_000
# Set-aside segments that hold less than this part of what is still wanted are written anew.
LIVE_PART_MIN = 0.25
# One flush to disk: entries and bytes that share it.
GROUP_ENTRIES_MAX = 512
GROUP_BYTES_MAX = 8_000_000
# Appended, and not yet on disk; whoever appends more waits.
PENDING_BYTES_MAX = 16_000_000

# The head of the queue in memory: entries, and the bytes of small bodies that are read with them.
READY_QUEUE_ENTRIES = 256
READY_QUEUE_BYTES = 4_000_000
INLINE_BODY_BYTES = 64_000
# Entries set aside last, by which one that comes again after a crash is known.
RECENT_SET_ASIDE = 4_096

# Of a batch its parts that are set aside hold its schema each. Over this, and over twice the batch,
# their records share one.
ASIDE_PARTS_BYTES = 1_000_000
# How much of their answers is kept with them, in characters.
ASIDE_ANSWERS_MAX = 10_000

# Sending. A pause is drawn from the upper half of its length, so that those who were turned away
# together don't return together.
# From the end of a body to its answer; and how slowly a line may carry it there.
REQUEST_SECONDS_MAX = 60.0
UPLOAD_BYTES_PER_SECOND_MIN = 10_000
PAUSE_SECONDS = 0.25
PAUSE_SECONDS_MAX = 30.0
# A gate that asks for a longer pause (Retry-After) is asked again after this one.
RETRY_AFTER_SECONDS_MAX = 300.0
# While a token does not work: how often it is tried again, and how often looked at for a change.
HOLD_SECONDS = 1.0
HOLD_SECONDS_MAX = 60.0
TOKEN_LOOK_SECONDS = 0.5
TOKEN_BYTES_MAX = 4_096
# Without an outbox somebody waits for the answer.
GIVE_UP_SECONDS = 120.0
# At the end of a client with an outbox: what still waits is sent for this long, then kept.
LINGER_SECONDS = 10.0
# At the end of a delivery: how long requests under way are waited for.
STOP_SECONDS = 5.0
# How much of an answer is kept and quoted.
ANSWER_BYTES_MAX = 100_000
ANSWER_CHARACTERS_MAX = 400
# A full disk is looked at again.
DISK_LOOK_SECONDS = 1.0
# Sequences are nanoseconds; so many are promised on disk before they are given out.
SEQUENCES_RESERVED = 1_000_000_000
# How often counts are written for other processes to read.
COUNTS_SECONDS = 1.0
