"""Every refusal of the Import API, with its literal response (wire contract 2.2, 2.3, 2.5 and 3).

One class per refusal; ``code`` is its name in metrics, logs and commands. Bodies are compact and
keep the key order of the contract, because a real client compares raw bytes. ``edge`` contains the
refusals shared by all endpoints, ``batch`` and ``push`` those of their bodies.
"""

from typing import Any, ClassVar

import orjson

from protocol.limits import ECHOED_CHARACTERS_MAX

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain"


class Refusal(Exception):
    """The request is not accepted, and nothing of it is stored."""

    code: ClassVar[str]
    status: ClassVar[int]
    content_type: ClassVar[str] = JSON_TYPE
    retry_after_seconds: int | None = None

    def __init__(self, content: dict[str, Any] | str) -> None:
        super().__init__(self.code)
        self.body = content.encode() if isinstance(content, str) else orjson.dumps(content)


def shown(text: str) -> str:
    """A piece of the request, truncated and re-encoded so that a response can repeat it."""
    if len(text) > ECHOED_CHARACTERS_MAX:
        text = text[:ECHOED_CHARACTERS_MAX] + "…"
    return text.encode("utf-8", "replace").decode()
