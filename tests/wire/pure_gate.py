"""The answers as the pure checks give them, for an active source whose account owns the token."""

from protocol.batch import check_batch
from protocol.push import check_push
from protocol.refusals import JSON_TYPE
from protocol.validation import Validated
from tests.wire.cases import BATCH, PUSH, VALIDATE

ACCEPTED = b'{"status":"OK","message":"Batch Accepted!"}'
GOOD = {
    PUSH: (201, JSON_TYPE, ACCEPTED),
    BATCH: (201, JSON_TYPE, ACCEPTED),
    VALIDATE: (200, JSON_TYPE, b'{"status":"OK","message":"Batch is valid!"}'),
}


def check(path: str, body: bytes, content_type: str = JSON_TYPE) -> Validated:
    return check_batch(body) if path == BATCH else check_push(body, content_type)


def answer(path: str, body: bytes, content_type: str | None = JSON_TYPE) -> tuple[int, str, bytes]:
    checked = check(path, body, content_type or "")
    refusal = checked.refusal
    if refusal is None:
        return GOOD[path]
    return refusal.status, refusal.content_type, refusal.body
