"""Every limit of the Import API, with its unit and its reason. "max" is the last value let in."""

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
# Wire contract X20 and section 3: a signed 64-bit integer, whatever its unit.
SEQUENCE_MIN = -(2**63)
SEQUENCE_MAX = 2**63 - 1

# Objects and arrays in one body. A 20 MB body of nothing but ``[],`` takes seconds and 580 MB to
# parse; a million take half a second and 60 to 180 MB. Data as clients cut it (4 MB) stays below.
CONTAINERS_MAX = 1_000_000
# Numbers beyond the range of a double in one body: each takes a detour past the fast parser.
HUGE_NUMBERS_MAX = 1_000
# Entries of ``errors`` in one answer to a push (wire contract 2.5): a body of 20,000 bad records
# must not buy an answer of megabytes.
RECORD_ERRORS_MAX = 100
# Unknown arguments named per bad record.
UNKNOWN_KEYS_MAX = 10
# Lines of one "did not conform" text, for the same reason.
VIOLATION_LINES_MAX = 100
# Failures of one record that are listed in full; 26 µs and 2 kB each. Where there might be more,
# the first member that fails is looked for.
VIOLATION_ERRORS_MAX = 5_000
# Characters of any one name or value that an answer repeats from the request.
ECHOED_CHARACTERS_MAX = 256

# The schema of a batch. Bytes of its JSON: a compiled schema takes some 40 times its text, and a
# table has at most 1,600 columns.
SCHEMA_BYTES_MAX = 1_000_000
# Sub-schemas, those behind references counted again; levels of sub-schemas inside each other.
SCHEMA_NODES_MAX = 10_000
SCHEMA_LEVELS_MAX = 100
# States of all patterns of one schema, counted repetitions written out; 1.5 kB of memory each.
SCHEMA_PATTERN_STATES_MAX = 20_000
# Bytes of one compiled pattern, for those that cost more than they seem to.
PATTERN_BYTES_MAX = 10_000_000
# Work of checking one batch against its schema in the worst case, in units of some 4 ns.
SCHEMA_WORK_MAX = 1_000_000_000
# Compiled schemas kept between requests, estimated.
SCHEMA_CACHE_BYTES_MAX = 32_000_000
