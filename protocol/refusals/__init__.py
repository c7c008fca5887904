"""Every no of the Import API, with its literal answer (wire contract 2.2, 2.3, 2.5 and 3).

One class per refusal; ``code`` is what metrics, logs and the command line call it. Bodies are
compact, their keys in the contract's order: a real client compares raw bytes. ``edge`` holds what
is the same for every endpoint, ``batch`` and ``push`` what each says of its own bodies.
"""

from typing import Any, ClassVar

import orjson

from protocol.limits import ECHOED_CHARACTERS_MAX

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain"


class Refusal(Exception):
    """A request is not taken, and nothing of it is stored."""

    code: ClassVar[str]
    status: ClassVar[int]
    content_type: ClassVar[str] = JSON_TYPE
    retry_after_seconds: int | None = None

    def __init__(self, content: dict[str, Any] | str) -> None:
        super().__init__(self.code)
        self.body = content.encode() if isinstance(content, str) else orjson.dumps(content)


def shown(text: str) -> str:
    """A piece of the request as an answer may repeat it: bounded, and always writable."""
    if len(text) > ECHOED_CHARACTERS_MAX:
        text = text[:ECHOED_CHARACTERS_MAX] + "…"
    return text.encode("utf-8", "replace").decode()
