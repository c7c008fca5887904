"""The wire format between the program and its validation workers, over pipes. No I/O.

A frame is two lengths, a header in JSON and a body of bytes. JSON and not pickle, because what a
worker sends back was made from untrusted input: whoever reads it trusts nothing but the values.
"""

from __future__ import annotations

import functools
import json
import struct
from typing import Any, TypeAlias

from protocol.refusals import Refusal, batch, edge, push
from protocol.validation import Validated
from services.journal.bodies import EncodedBody
from services.receiving.check import Job, ValidationResult

LENGTHS = struct.Struct("!QQ")

Header: TypeAlias = dict[str, Any]


def frame_head(header: Header | Job, body: bytes) -> bytes:
    """Everything of a frame that precedes ``body``."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text


def result_header(result: ValidationResult) -> Header:
    validated = result.validated
    return {
        "records": validated.records,
        "tables": validated.tables,
        "client_id": validated.client_id,
        "refusal_before_owner_check": _refusal_fields(validated.refusal_before_owner_check),
        "refusal_after_owner_check": _refusal_fields(validated.refusal_after_owner_check),
        "append_only": validated.append_only,
        "sequences": validated.sequences,
        "sha256": None if result.encoded is None else result.encoded.sha256.hex(),
    }


def result_of(header: Header, body: bytes) -> ValidationResult:
    """The inverse of ``result_header``; ``body`` is the encoded one, empty if there is none."""
    validated = Validated(
        header["records"],
        tuple((name, records) for name, records in header["tables"]),
        header["client_id"],
        _refusal(header["refusal_before_owner_check"]),
        _refusal(header["refusal_after_owner_check"]),
        append_only=header["append_only"],
        sequences=None if header["sequences"] is None else tuple(header["sequences"]),
    )
    sha256 = header["sha256"]
    encoded = None if sha256 is None else EncodedBody(body, bytes.fromhex(sha256))
    return ValidationResult(validated, encoded)


def _refusal_fields(refusal: Refusal | None) -> list[str] | None:
    return None if refusal is None else [refusal.code, refusal.body.decode()]


def _refusal(fields: list[str] | None) -> Refusal | None:
    """A refusal of the same class and with the same answer as the worker's."""
    if fields is None:
        return None
    code, text = fields
    refusal_class = _refusal_classes()[code]
    refusal = refusal_class.__new__(refusal_class)
    Exception.__init__(refusal, code)
    refusal.body = text.encode()
    return refusal


@functools.cache
def _refusal_classes() -> dict[str, type[Refusal]]:
    return {
        member.code: member
        for module in (edge, push, batch)
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, Refusal) and "code" in vars(member)
    }
