"""``POST /v2/import/batch`` (wire contract E2)."""

from protocol.refusals.edge import BatchMediaTypeRefused
from services.ingest.storing import StoringIntake

MEDIA_TYPE = "application/json"


class BatchIntake(StoringIntake):
    name = endpoint = "batch"

    def media_type(self, essence: str) -> str:
        if essence != MEDIA_TYPE:
            raise BatchMediaTypeRefused
        return essence
