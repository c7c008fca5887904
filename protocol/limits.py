"""Every limit of the Import API, with its unit and reason. A ``_MAX`` is the last allowed value."""

# Wire contract X16. Decimal megabytes, inclusive, of the body after inflating; a setting of
# ingest may lower it.
BODY_BYTES_MAX = 20_000_000
# Wire contract section 3: records of a push, messages of a batch.
RECORDS_MAX = 20_000
# Wire contract section 3: ``data`` is level 1; objects and arrays count. The JSON writer that
# the loader uses stops at 254, so what is accepted can always be written again.
NESTING_LEVELS_MAX = 100
# Wire contract section 3: scalar leaves of one ``data``.
DATA_POINTS_MAX = 10_000
# Wire contract X1: characters, not bytes, of a string that is (part of) a record's key.
KEY_CHARACTERS_MAX = 1_024
# Wire contract X20 and section 3: a signed 64-bit integer in any unit.
SEQUENCE_MIN = -(2**63)
SEQUENCE_MAX = 2**63 - 1

# Objects and arrays in one body. A 20 MB body of only ``[],`` takes seconds and 580 MB to parse; a
# million take half a second and 60 to 180 MB. Bodies of real clients (4 MB) stay below.
CONTAINERS_MAX = 1_000_000
# Numbers in one body that overflow a double: each one bypasses the fast parser.
HUGE_NUMBERS_MAX = 1_000
# Entries of ``errors`` in one answer to a push (wire contract 2.5): a body of 20,000 bad records
# must not cause a response of megabytes.
RECORD_ERRORS_MAX = 100
# Unknown arguments named per invalid record.
UNKNOWN_KEYS_MAX = 10
# Lines of one "did not conform" text, for the same reason.
VIOLATION_LINES_MAX = 100
# Failures of one record that are listed in full; 26 µs and 2 kB each. If there might be more, only
# the first invalid member is reported.
VIOLATION_ERRORS_MAX = 5_000
# Characters of a name or value from the request that a response repeats.
ECHOED_CHARACTERS_MAX = 256

# The schema of a batch. Bytes of its JSON: a compiled schema takes some 40 times its text, and a
# table has at most 1,600 columns.
SCHEMA_BYTES_MAX = 1_000_000
# Sub-schemas, including referenced ones for each reference; levels of nested sub-schemas.
SCHEMA_NODES_MAX = 10_000
SCHEMA_LEVELS_MAX = 100
# States of all patterns of one schema, with counted repetitions expanded; 1.5 kB of memory each.
SCHEMA_PATTERN_STATES_MAX = 20_000
# Bytes of one compiled pattern, for patterns that the estimate above misses.
PATTERN_BYTES_MAX = 10_000_000
# Worst-case cost of validating one batch against its schema, in units of about 4 ns.
SCHEMA_WORK_MAX = 1_000_000_000
# Estimated memory of compiled schemas cached between requests.
SCHEMA_CACHE_BYTES_MAX = 32_000_000
