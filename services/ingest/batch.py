"""``POST /v2/import/batch`` (wire contract E2)."""

from protocol.batch import check_batch
from protocol.refusals.edge import BatchMediaTypeRefused
from protocol.shapes import Checked
from services.ingest.storing import StoringIntake

MEDIA_TYPE = "application/json"


class BatchIntake(StoringIntake):
    name = endpoint = "batch"

    def media_type(self, essence: str) -> str:
        if essence != MEDIA_TYPE:
            raise BatchMediaTypeRefused
        return essence

    def check(self, body: bytes, media_type: str) -> Checked:  # noqa: ARG002 — there is but one
        return check_batch(body)
