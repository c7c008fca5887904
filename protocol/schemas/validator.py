"""Create validators: draft 4, linear-time patterns, no network and no file access."""

from jsonschema_rs import Draft4Validator, RegexOptions

from protocol.limits import PATTERN_BYTES_MAX
from protocol.schemas.normalise import Schema

# Linear in the text: no look-around, no back references, no catastrophic backtracking.
_PATTERNS = RegexOptions(size_limit=PATTERN_BYTES_MAX, dfa_size_limit=PATTERN_BYTES_MAX // 8)


def validator(schema: Schema) -> Draft4Validator:
    """Raises ValueError; the ValidationError of the library is a subclass."""
    return Draft4Validator(schema, validate_formats=False, pattern_options=_PATTERNS, offline=True)
