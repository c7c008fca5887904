"""Compile and cache JSON Schemas. A schema never causes network or file access."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

import orjson
from jsonschema_rs import Draft4Validator, ValidationError

from protocol.limits import (
    SCHEMA_BYTES_MAX,
    SCHEMA_CACHE_BYTES_MAX,
    SCHEMA_WORK_MAX,
)
from protocol.refusals import shown
from protocol.refusals.batch import SchemaInvalid
from protocol.schemas.cost import SchemaCost, cost_of
from protocol.schemas.explanation import explain
from protocol.schemas.normalise import NormalisedSchema, Schema, normalise
from protocol.schemas.validator import validator

# Measured: compiled schema ÷ its text, and one state of a pattern.
_MEMORY_PER_BYTE = 40
_MEMORY_PER_STATE = 1_500


class TooExpensiveInline(Exception):
    """No error so far; validation may take longer than the caller is willing to block."""


class CompiledSchema:
    """A schema ready to be applied. ``bytes`` is an estimate of its memory."""

    def __init__(self, schema: Schema) -> None:
        """Raises SchemaInvalid, SchemaTypeUnknown or SubschemaNotObject."""
        prepared = normalise(schema)
        self.cost: SchemaCost = cost_of(prepared.nodes)
        text = _text(prepared.schema)
        self.needs_exact_decimals = b"multipleOf" in text
        self.bytes = len(text) * _MEMORY_PER_BYTE + prepared.pattern_states * _MEMORY_PER_STATE
        self._validator = _compile(prepared)

    def refuse_if_too_expensive(
        self, datas: Sequence[Any], body: bytes, work_max: int = SCHEMA_WORK_MAX
    ) -> None:
        """Raises SchemaInvalid if validating ``datas``, parsed from ``body``, may take too long.

        Raises TooExpensiveInline if it may only exceed ``work_max``.
        """
        fixed = self.cost.record * len(datas) + self.cost.character * len(body)
        if fixed + self.cost.value * len(body) // 2 <= work_max:
            return
        # Each value follows a comma or is the first of its object or array.
        values = body.count(b",") + body.count(b"{") + body.count(b"[")
        if fixed + self.cost.value * values > SCHEMA_WORK_MAX:
            raise SchemaInvalid("too costly for so much data; send fewer records a request")
        if fixed + self.cost.value * values > work_max:
            raise TooExpensiveInline

    def accepts(self, datas: Sequence[Any]) -> bool:
        """Whether every record conforms; none may exceed NESTING_LEVELS_MAX."""
        return self._validator.is_valid(datas)

    def violations(self, data: Any, schema: Schema) -> list[str]:
        """Lines that describe why ``data`` does not conform. ``schema`` is the original schema."""
        return explain(normalise(schema).schema, self.cost, data)


def _compile(prepared: NormalisedSchema) -> Draft4Validator:
    try:
        return validator(prepared.schema)
    except ValueError:
        reason = "cannot be compiled"
    # Compile again without the array around it, so that the error refers to the schema itself.
    definitions = prepared.schema.get("definitions", {})
    try:
        validator({"definitions": definitions, **prepared.schema["items"]})
    except ValidationError as error:
        reason = _why(error)
    raise SchemaInvalid(reason)


def _why(error: ValidationError) -> str:
    path = [str(step) for step in error.instance_path]
    where = shown("/".join(["#", *path]))
    if {"pattern", "patternProperties"} & set(path[-2:]):
        return f"{where}: pattern not supported (look-around, back reference, or too large)"
    return f"{where}: {shown(error.message)}"


class SchemaCache:
    """Least-recently-used cache of compiled schemas by JSON text. Thread-safe."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[bytes, CompiledSchema] = OrderedDict()
        self._lock = Lock()

    def compiled(self, schema: Schema) -> CompiledSchema:
        """Raises what CompiledSchema raises; an unusable schema is not cached."""
        text = _text(schema)
        with self._lock:
            if found := self._kept.get(text):
                self._kept.move_to_end(text)
                return found
        if len(text) > SCHEMA_BYTES_MAX:
            raise SchemaInvalid(f"larger than {SCHEMA_BYTES_MAX} bytes")
        compiled = CompiledSchema(schema)
        with self._lock:
            self._keep(text, compiled)
        return compiled

    def _keep(self, text: bytes, compiled: CompiledSchema) -> None:
        if text in self._kept:
            return
        self._kept[text] = compiled
        self._bytes += compiled.bytes + len(text)
        while self._bytes > self._bytes_max:
            text, gone = self._kept.popitem(last=False)
            self._bytes -= gone.bytes + len(text)


def _text(schema: Schema) -> bytes:
    """The cache key. Numbers over 64 bits keep their digits; too deep a schema is refused."""
    try:
        return orjson.dumps(schema)
    except orjson.JSONEncodeError:
        pass
    try:
        return repr(schema).encode()
    except (RecursionError, ValueError):
        raise SchemaInvalid("nested too deeply") from None


SCHEMAS = SchemaCache(SCHEMA_CACHE_BYTES_MAX)
