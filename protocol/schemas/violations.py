"""Format validation errors in the words of everit's validator (wire contract B7, X13, X14).

A line is ``#/where: what``. Several failures are preceded by a line with their number; a union
without a matching branch is followed by the failures of each branch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind

from protocol.json_types import EXPECTED, found_type
from protocol.limits import VIOLATION_LINES_MAX
from protocol.refusals import shown
from protocol.schemas.normalise import Schema

_Kind = ValidationErrorKind
_Union = _Kind.AnyOf | _Kind.OneOfNotValid | _Kind.OneOfMultipleValid


@dataclass(slots=True)
class _Violation:
    pointer: str
    text: str
    causes: list["_Violation"] = field(default_factory=list)

    def count(self) -> int:
        return max(1, sum(cause.count() for cause in self.causes))

    def lines(self) -> Iterable[str]:
        yield f"{self.pointer}: {self.text}"
        for cause in self.causes:
            yield from cause.lines()


def violations(
    errors: Iterable[ValidationError], schema: Schema, path: list[str | int]
) -> list[str]:
    """At most VIOLATION_LINES_MAX lines about one value, which is validated as an array of one.

    ``path`` leads from the record to the value.
    """
    found = [
        violation
        for error in islice(errors, VIOLATION_LINES_MAX)
        for violation in _ViolationFormatter(schema, path).violations_of(error)
    ]
    lines = [line for violation in found for line in violation.lines()]
    count = sum(violation.count() for violation in found)
    if len(found) > 1:
        lines.insert(0, f"#: {count} schema violations found")
    return lines[:VIOLATION_LINES_MAX]


class _ViolationFormatter:
    def __init__(self, schema: Schema, path: list[str | int]) -> None:
        self._schema = schema
        self._path = path

    def violations_of(self, error: ValidationError) -> list[_Violation]:
        pointer = pointer_to([*self._path, *error.instance_path[1:]])
        kind = error.kind
        if isinstance(kind, _Kind.Type):
            return [_wrong_type(pointer, self._types(error), error.instance)]
        if isinstance(kind, _Kind.AdditionalProperties):
            return [
                _Violation(pointer, f"extraneous key [{shown(name)}] is not permitted")
                for name in kind.unexpected[:VIOLATION_LINES_MAX]
            ]
        if isinstance(kind, _Union):
            return [self._union(pointer, kind)]
        return [_Violation(pointer, _text(error))]

    def _types(self, error: ValidationError) -> list[str]:
        """Types in the order of the schema, which the error does not keep."""
        found: Any = self._schema
        for step in error.schema_path:
            found = found[step if type(found) is list else str(step)]
        return found if type(found) is list else [found]

    def _union(self, pointer: str, kind: _Union) -> _Violation:
        branches = kind.context
        causes = [
            cause for branch in branches for error in branch for cause in self.violations_of(error)
        ]
        if isinstance(kind, _Kind.AnyOf):
            return _Violation(pointer, _no_subschema(len(branches)), causes)
        matched = sum(not branch for branch in branches)
        return _Violation(pointer, f"#: {matched} subschemas matched instead of one", causes)


def _wrong_type(pointer: str, types: list[str], value: Any) -> _Violation:
    found = found_type(value)
    single = [_Violation(pointer, _expected(name, found)) for name in types]
    if len(single) == 1:
        return single[0]
    return _Violation(pointer, _no_subschema(len(single)), single)


def _expected(type_name: str, found: str) -> str:
    colon = "expected:" if type_name == "null" else "expected type:"
    return f"{colon} {EXPECTED[type_name]}, found: {found}"


def _no_subschema(count: int) -> str:
    return f"#: no subschema matched out of the total {count} subschemas"


def pointer_to(path: list[str | int]) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return shown("/".join(["#", *steps]))


def _text(error: ValidationError) -> str:
    template = _TEXTS.get(type(error.kind))
    if template is None:
        return shown(error.message)  # pragma: no cover — draft 4 has no other kinds
    named = getattr(type(error.kind), "__match_args__", ())
    value = error.instance
    return template.format(
        value=_java(value),
        limit=_java(getattr(error.kind, named[0])) if named else "",
        size=len(value) if isinstance(value, str | list | dict) else "",
    )


def _java(value: Any) -> str:
    """The value as Java prints it: ``1.0E-5``, ``0.01``, ``100``, ``true``."""
    if value is None or type(value) is bool:
        return str(value).lower().replace("none", "null")
    if type(value) is not float or _PLAIN_MIN <= abs(value) < _PLAIN_MAX or value == 0:
        return shown(str(value))
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or 0}E{power}"


# Java prints a double outside this range with an exponent.
_PLAIN_MIN, _PLAIN_MAX = 1e-3, 1e7
# ``limit`` is the parameter of the failed keyword, ``size`` the length of the value.
_TEXTS: dict[type[ValidationErrorKind], str] = {
    _Kind.Required: "required key [{limit}] not found",
    _Kind.Enum: "{value} is not a valid enum value",
    _Kind.Not: "subject must not be valid against schema {limit}",
    _Kind.MinLength: "expected minLength: {limit}, actual: {size}",
    _Kind.MaxLength: "expected maxLength: {limit}, actual: {size}",
    _Kind.Pattern: "string [{value}] does not match pattern {limit}",
    _Kind.Minimum: "{value} is not greater or equal to {limit}",
    _Kind.ExclusiveMinimum: "{value} is not greater than {limit}",
    _Kind.Maximum: "{value} is not less or equal to {limit}",
    _Kind.ExclusiveMaximum: "{value} is not less than {limit}",
    _Kind.MultipleOf: "{value} is not a multiple of {limit}",
    _Kind.MinItems: "expected minimum item count: {limit}, found: {size}",
    _Kind.MaxItems: "expected maximum item count: {limit}, found: {size}",
    _Kind.AdditionalItems: "expected: {limit} array items, found: {size}",
    _Kind.UniqueItems: "array items are not unique",
    _Kind.MinProperties: "minimum size: [{limit}], found: [{size}]",
    _Kind.MaxProperties: "maximum size: [{limit}], found: [{size}]",
}
