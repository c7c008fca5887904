"""What to do about each answer of the gate. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import orjson

from pushgate_client.entries import BATCH, Entry
from pushgate_client.limits import ANSWER_CHARACTERS_MAX, ASIDE_ANSWERS_MAX


class Disposition(Enum):
    """What to do with a request after an answer."""

    DONE = auto()
    RETRY = auto()  # send the same bytes after a pause
    HOLD = auto()  # hold every request until another token works, or this one works again
    REREAD_TOKEN = auto()  # read the token again and retry once; then set the request aside
    SPLIT = auto()  # halve it until the faulty records are alone
    SPLIT_TOO_LARGE = auto()  # halve it for its size; no record is known to be faulty
    SET_ASIDE = auto()


@dataclass(frozen=True)
class Answer:
    """``status`` is None if no answer came; ``text`` then is the reason.

    ``lost``: the request was sent, now or in an earlier attempt, and its outcome is unknown.
    """

    status: int | None
    text: str
    retry_after_seconds: float = 0.0
    lost: bool = False

    @property
    def may_be_in(self) -> bool:
        """Whether it may be stored: a proxy may have given up on a gate that went on."""
        return self.lost or self.status in _FROM_A_PROXY

    def __str__(self) -> str:
        return f"{self.status}: {self.quoted}" if self.status else self.quoted

    @property
    def quoted(self) -> str:
        """As one line without control characters."""
        line = " ".join("".join(c if c.isprintable() else " " for c in self.text).split())
        if len(line) > ANSWER_CHARACTERS_MAX:
            return line[:ANSWER_CHARACTERS_MAX] + " …"
        return line or "(no text)"


@dataclass(frozen=True)
class Fault:
    """A part of an entry that was refused permanently, with the answer.

    ``place``: position of the part's first record in the entry, from 0. The others follow it,
    except in a batch, where parts may be joined so that its schema is not stored for each.
    """

    part: Entry
    answer: Answer
    place: int = 0

    @property
    def records(self) -> int:
        return self.part.records


_DISPOSITIONS = {
    400: Disposition.SPLIT,
    403: Disposition.REREAD_TOKEN,
    408: Disposition.RETRY,
    413: Disposition.SPLIT_TOO_LARGE,
    415: Disposition.SET_ASIDE,
    422: Disposition.SPLIT,
    425: Disposition.RETRY,
    429: Disposition.RETRY,
}
_FROM_A_PROXY = frozenset({502, 504})
_REFUSING_RECORDS = frozenset({400, 422})
_REDIRECTIONS, _BAD_REQUEST, _UNAUTHORIZED, _SERVER_ERRORS = 300, 400, 401, 500
# A fault in a batch outside of its messages is a fault of every part of it.
_ENVELOPE = re.compile(
    r"Invalid JSON schema:"
    r"|Request failed validation:#(/(table_name|table_version|schema|key_names|bookmark_names)\b"
    r"|: (required|extraneous) key)"
)
_NOT_AUTHENTICATED = "Not Authenticated."
# Halves have keys of their own and would be stored, although the key was used before.
_NAME_USED_BEFORE = "Idempotency-Key was used before"


def disposition_of(answer: Answer, endpoint: str) -> Disposition:
    """An answer that is not listed, such as 404 from a wrong address, holds: nothing is lost.

    So does an HTML page with a 2xx or 400: it is a proxy's, which asks for a sign-in or expects TLS
    at this port, and says nothing about the records.
    """
    status = answer.status
    if status is None or status >= _SERVER_ERRORS:
        return Disposition.RETRY
    is_page = answer.text.lstrip().startswith("<")
    if status < _REDIRECTIONS:
        return Disposition.HOLD if is_page else Disposition.DONE
    if status == _BAD_REQUEST and is_page:
        return Disposition.HOLD
    if status == _UNAUTHORIZED and _error(answer.text) == _NOT_AUTHENTICATED:
        return Disposition.REREAD_TOKEN
    if status in _REFUSING_RECORDS and _refuses_whole_request(answer, endpoint):
        return Disposition.SET_ASIDE
    return _DISPOSITIONS.get(status, Disposition.HOLD)


def reasons_for_all(answer: Answer, records: int) -> list[str] | None:
    """The reason for each record, if the answer has one for every record of the request."""
    parsed = _parsed(answer.text)
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    if not isinstance(errors, list) or len(errors) != records:
        return None
    return [orjson.dumps(error).decode() for error in errors]


def merge_answers(answers: Sequence[Answer]) -> Answer:
    """The answer for parts that are joined: each text once, as far as there is room."""
    text = "\n".join(dict.fromkeys(answer.text for answer in answers))
    lost = any(answer.lost for answer in answers)
    return replace(answers[0], text=text[:ASIDE_ANSWERS_MAX], lost=lost)


def _refuses_whole_request(answer: Answer, endpoint: str) -> bool:
    error = str(_error(answer.text))
    return error.startswith(_NAME_USED_BEFORE) or (
        endpoint == BATCH and bool(_ENVELOPE.match(error))
    )


def _error(text: str) -> Any:
    parsed = _parsed(text)
    return parsed.get("error") if isinstance(parsed, dict) else None


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
