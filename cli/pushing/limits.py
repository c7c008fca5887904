"""How much a push sends at once, and how long it goes on trying."""

from protocol.limits import BODY_BYTES_MAX

# What we send unless told otherwise: small enough that a refusal concerns few records, large
# enough that the request itself costs little.
REQUEST_RECORDS = 1_000
REQUEST_BYTES = 4_000_000

# Longer can't be sent even alone; room is left for what a record is wrapped in.
RECORD_BYTES_MAX = BODY_BYTES_MAX - 100_000

CONNECTIONS = 4
CONNECTIONS_MAX = 64

REQUEST_SECONDS_MAX = 60.0
GIVE_UP_SECONDS = 120.0
# A gate that never answered is rather not there than restarting.
GIVE_UP_UNREACHED_SECONDS = 10.0
PAUSE_SECONDS = 0.25
PAUSE_SECONDS_MAX = 10.0

# A report: how many problems it shows and holds, and how much of an answer it quotes.
PROBLEMS_SHOWN = 20
PROBLEMS_MAX = 1_000
ANSWER_CHARACTERS_MAX = 400
