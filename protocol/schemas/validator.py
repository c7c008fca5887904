"""The compiler of JSON Schema, set up once: draft 4, linear patterns, no network, no files."""

from jsonschema_rs import Draft4Validator, RegexOptions

from protocol.limits import PATTERN_BYTES_MAX
from protocol.schemas.normalise import Schema

# Linear in the text: no look-around, no back references, no catastrophe.
_PATTERNS = RegexOptions(size_limit=PATTERN_BYTES_MAX, dfa_size_limit=PATTERN_BYTES_MAX // 8)


def validator(schema: Schema) -> Draft4Validator:
    """Raises ValueError, of which the library's ValidationError is one."""
    return Draft4Validator(schema, validate_formats=False, pattern_options=_PATTERNS, offline=True)
