"""Refusals of a parsed batch: always 400, with one ``error``."""

from protocol.limits import (
    DATA_POINTS_MAX,
    KEY_CHARACTERS_MAX,
    NESTING_LEVELS_MAX,
    RECORDS_MAX,
    SEQUENCE_MAX,
    SEQUENCE_MIN,
)
from protocol.refusals import Refusal, shown


class BatchRefusal(Refusal):
    """An object with the single key ``error``; the texts are those of everit's validator."""

    status = 400

    def __init__(self, error: str) -> None:
        super().__init__({"error": error})


class EnvelopeInvalid(BatchRefusal):
    """B3, B15, B17 and other errors of the request around the messages."""

    code = "envelope_invalid"

    def __init__(self, violation: str) -> None:
        super().__init__(f"Request failed validation:{violation}")


class WrongArgumentType(EnvelopeInvalid):
    """B3, B15, B17. ``pointer`` is ``#``, ``#/table_name`` and so on."""

    code = "wrong_argument_type"

    def __init__(self, pointer: str, expected: str, found: str) -> None:
        super().__init__(f"{pointer}: expected type: {expected}, found: {found}")


class ArgumentMissing(EnvelopeInvalid):
    """B1."""

    code = "argument_missing"

    def __init__(self, argument: str) -> None:
        super().__init__(f"#: required key [{argument}] not found")


class ArgumentUnknown(EnvelopeInvalid):
    """B2."""

    code = "argument_unknown"

    def __init__(self, argument: str) -> None:
        super().__init__(f"#: extraneous key [{shown(argument)}] is not permitted")


class TableNameEmpty(EnvelopeInvalid):
    code = "table_name_empty"

    def __init__(self) -> None:
        super().__init__("#/table_name: expected minLength: 1, actual: 0")


class TableVersionOutOfRange(EnvelopeInvalid):
    code = "table_version_out_of_range"

    def __init__(self) -> None:
        super().__init__("#/table_version: expected a signed 64-bit integer")


class NoMessages(EnvelopeInvalid):
    """B16."""

    code = "no_messages"

    def __init__(self) -> None:
        super().__init__("#/messages: expected minimum item count: 1, found: 0")


class TooManyMessages(EnvelopeInvalid):
    """B16."""

    code = "too_many_messages"

    def __init__(self, messages: int) -> None:
        super().__init__(
            f"#/messages: expected maximum item count: {RECORDS_MAX}, found: {messages}"
        )


class MessageInvalid(EnvelopeInvalid):
    """B4. ``branches`` are the violations of each of the two forms that a message may have."""

    code = "message_invalid"

    def __init__(self, index: int, branches: tuple[list[str], list[str]]) -> None:
        here = f"#/messages/{index}"
        lines = [f"{here}: #: 0 subschemas matched instead of one"]
        for violations in branches:
            if len(violations) > 1:
                lines.append(f"{here}: {len(violations)} schema violations found")
            lines += [here + violation for violation in violations]
        super().__init__(" ".join(lines))


class SequenceTooHigh(EnvelopeInvalid):
    """B5."""

    code = "sequence_too_high"

    def __init__(self) -> None:
        super().__init__(f"#: sequence can not be above {SEQUENCE_MAX}")


class SequenceTooLow(EnvelopeInvalid):
    code = "sequence_too_low"

    def __init__(self) -> None:
        super().__init__(f"#: sequence can not be below {SEQUENCE_MIN}")


class SchemaInvalid(BatchRefusal):
    """The ``schema`` of a batch cannot be used; ``reason`` describes the problem."""

    code = "schema_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid JSON schema: {reason}")


class SchemaTypeUnknown(SchemaInvalid):
    """B6."""

    code = "schema_type_unknown"

    def __init__(self, type_name: str) -> None:
        super().__init__(f"unknown type: [{shown(type_name)}]")


class SubschemaNotObject(SchemaInvalid):
    """B6a."""

    code = "subschema_not_object"

    def __init__(self, found: str) -> None:
        super().__init__(f"key null: expected type is one of JSONObject, found: {found}")


class RecordNotConforming(BatchRefusal):
    """B7, lines joined by single spaces (X14)."""

    code = "record_not_conforming"

    def __init__(self, index: int, violations: list[str]) -> None:
        super().__init__(f"Record {index} did not conform to schema: {' '.join(violations)}")


class RecordMissingKey(BatchRefusal):
    """B8: absent or null."""

    code = "record_missing_key"

    def __init__(self, key_name: str) -> None:
        super().__init__(f"Record is missing key property {shown(key_name)}")


class RecordKeyTooLong(BatchRefusal):
    """B18."""

    code = "record_key_too_long"

    def __init__(self) -> None:
        super().__init__(f"String keys cannot be longer than {KEY_CHARACTERS_MAX} characters")


class RecordTooDeep(BatchRefusal):
    code = "record_too_deep"

    def __init__(self, index: int) -> None:
        super().__init__(f"Record {index} is nested deeper than {NESTING_LEVELS_MAX} levels")


class RecordTooManyPoints(BatchRefusal):
    code = "record_too_many_points"

    def __init__(self, index: int) -> None:
        super().__init__(f"Record {index} has more than {DATA_POINTS_MAX} data points")
