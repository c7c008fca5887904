"""``POST /v2/import/push`` (wire contract E3)."""

from protocol.refusals.edge import PushMediaTypeRefused
from services.ingest.storing import StoringIntake

MEDIA_TYPES = frozenset({"application/json", "application/transit+json"})


def push_media_type(essence: str) -> str:
    """Raises PushMediaTypeRefused."""
    if essence not in MEDIA_TYPES:
        raise PushMediaTypeRefused(essence)
    return essence


class PushIntake(StoringIntake):
    name = endpoint = "push"

    def media_type(self, essence: str) -> str:
        return push_media_type(essence)
