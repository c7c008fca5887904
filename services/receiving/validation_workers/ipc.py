"""What the program and its checkers say to each other over pipes. No I/O.

A frame is two lengths, a header in JSON and a body of bytes. JSON, because what comes back was made
of what anybody may send, and whoever reads it must be able to trust no more than the values.
"""

from __future__ import annotations

import functools
import json
import struct
from typing import Any, NamedTuple, TypeAlias

from protocol.batch import check_batch
from protocol.limits import SCHEMA_WORK_MAX
from protocol.push import check_push
from protocol.refusals import Refusal, batch, edge, push
from protocol.validation import Validated
from services.journal.bodies import EncodedBody, encode_body

LENGTHS = struct.Struct("!QQ")

Header: TypeAlias = dict[str, Any]


class Job(NamedTuple):
    """``keep``: whether the body is wanted as the journal has it, when nothing is wrong with it."""

    endpoint: str
    media_type: str
    keep: bool


class ValidationResult(NamedTuple):
    checked: Validated
    kept: EncodedBody | None = None


def check(
    endpoint: str, body: bytes, media_type: str, *, work_max: int = SCHEMA_WORK_MAX
) -> Validated:
    """The one check for a body, wherever it is made. ``validate`` has that of a push.

    ``work_max`` as of ``check_batch``.
    """
    if endpoint == "batch":
        return check_batch(body, work_max=work_max)
    return check_push(body, media_type)


def validate(question: Job, body: bytes) -> ValidationResult:
    checked = check(question.endpoint, body, question.media_type)
    good = checked.refusal_before_owner_check is None and checked.refusal_after_owner_check is None
    return ValidationResult(checked, encode_body(body) if good and question.keep else None)


def head(header: Header | Job, body: bytes) -> bytes:
    """What comes before ``body``."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text


def result_header(judged: ValidationResult) -> Header:
    checked = judged.checked
    return {
        "records": checked.records,
        "tables": checked.tables,
        "client_id": checked.client_id,
        "early": _words(checked.refusal_before_owner_check),
        "late": _words(checked.refusal_after_owner_check),
        "append_only": checked.append_only,
        "sequences": checked.sequences,
        "sha256": None if judged.kept is None else judged.kept.sha256.hex(),
    }


def result_of(header: Header, body: bytes) -> ValidationResult:
    checked = Validated(
        header["records"],
        tuple((name, records) for name, records in header["tables"]),
        header["client_id"],
        _refusal(header["early"]),
        _refusal(header["late"]),
        append_only=header["append_only"],
        sequences=None if header["sequences"] is None else tuple(header["sequences"]),
    )
    sha256 = header["sha256"]
    return ValidationResult(
        checked, None if sha256 is None else EncodedBody(body, bytes.fromhex(sha256))
    )


def _words(refusal: Refusal | None) -> list[str] | None:
    return None if refusal is None else [refusal.code, refusal.body.decode()]


def _refusal(words: list[str] | None) -> Refusal | None:
    """The one that the other side had: its kind, and what it answers."""
    if words is None:
        return None
    code, text = words
    kind = _kinds()[code]
    refusal = kind.__new__(kind)
    Exception.__init__(refusal, code)
    refusal.body = text.encode()
    return refusal


@functools.cache
def _kinds() -> dict[str, type[Refusal]]:
    modules = (edge, push, batch)
    return {
        kind.code: kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Refusal) and "code" in vars(kind)
    }
