"""``POST /v2/import/batch`` (wire contract E2)."""

from protocol.refusals.edge import BatchMediaTypeRefused
from services.ingest.storing import StoringIntake

MEDIA_TYPE = "application/json"


def batch_media_type(essence: str) -> str:
    """Raises BatchMediaTypeRefused."""
    if essence != MEDIA_TYPE:
        raise BatchMediaTypeRefused
    return essence


class BatchIntake(StoringIntake):
    name = endpoint = "batch"

    def media_type(self, essence: str) -> str:
        return batch_media_type(essence)
