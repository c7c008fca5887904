"""The two media types of the Import API; parameters are ignored (wire contract 1.1)."""

JSON = "application/json"
TRANSIT = "application/transit+json"
PUSH_TYPES = frozenset({JSON, TRANSIT})


def essence(content_type: str) -> str:
    """``Application/JSON; charset=utf-8`` → ``application/json``."""
    return content_type.partition(";")[0].strip().lower()


def is_transit(media_type: str) -> bool:
    return media_type != JSON and essence(media_type) == TRANSIT
