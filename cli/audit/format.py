"""One line for each event: its number, when, who, and what happened."""

from typing import Any

from events.sentences import what_happened


def format_event(event: dict[str, Any]) -> str:
    """``#12 2026-11-23 12:00:00 connect-token/9 generated token 3 (…a1b2) for integration 1``."""
    moment = str(event["time"])[:19].replace("T", " ")
    told = what_happened(event["type"], event["data"], str(event["subject"]))
    return f"#{int(event['sequence'])} {moment} {event['actor']} {told}"
