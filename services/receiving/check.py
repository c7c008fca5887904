"""Validating a request body, in this process or in a validation worker: the one entry point."""

from __future__ import annotations

from typing import NamedTuple

from protocol.batch import check_batch
from protocol.limits import SCHEMA_WORK_MAX
from protocol.push import check_push
from protocol.validation import Validated
from services.journal.bodies import EncodedBody, encode_body


class Job(NamedTuple):
    """What to do with a body. ``encode``: if it is valid, also encode it for the journal."""

    endpoint: str
    media_type: str
    encode: bool


class ValidationResult(NamedTuple):
    validated: Validated
    encoded: EncodedBody | None = None


def check(
    endpoint: str, body: bytes, media_type: str, *, work_max: int = SCHEMA_WORK_MAX
) -> Validated:
    """Validates a body as ``endpoint`` requires; ``validate`` has the rules of ``push``.

    ``work_max`` limits validation against a schema. Raises TooExpensiveInline, as ``check_batch``.
    """
    if endpoint == "batch":
        return check_batch(body, work_max=work_max)
    return check_push(body, media_type)


def run_job(job: Job, body: bytes) -> ValidationResult:
    validated = check(job.endpoint, body, job.media_type)
    valid = validated.refusal is None
    return ValidationResult(validated, encode_body(body) if valid and job.encode else None)
