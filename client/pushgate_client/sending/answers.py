"""What each answer of the gate asks of us. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import orjson

from pushgate_client.entries import BATCH, Entry
from pushgate_client.limits import ANSWER_CHARACTERS_MAX, ASIDE_ANSWERS_MAX


class Course(Enum):
    DONE = "done"
    AGAIN = "again"  # the same bytes, a little later
    HOLD = "hold"  # everything waits until another token works, or this one again
    DOUBT = "doubt"  # once more with the token read anew; then it is set aside
    HALVE = "halve"  # until the records at fault stand alone
    SMALLER = "smaller"  # in two halves, and none of them is known to be at fault
    SET_ASIDE = "set aside"


@dataclass(frozen=True)
class Answer:
    """``status`` is None when none came; ``text`` then says why.

    ``lost``: the request was sent, now or earlier, and what became of it nobody knows.
    """

    status: int | None
    text: str
    retry_after_seconds: float = 0.0
    lost: bool = False

    @property
    def may_be_in(self) -> bool:
        """Between us and the gate may stand a proxy that gave up on it, and it went on."""
        return self.lost or self.status in _FROM_A_PROXY

    def __str__(self) -> str:
        return f"{self.status}: {self.quoted}" if self.status else self.quoted

    @property
    def quoted(self) -> str:
        """As one line that a terminal can bear."""
        line = " ".join("".join(c if c.isprintable() else " " for c in self.text).split())
        if len(line) > ANSWER_CHARACTERS_MAX:
            return line[:ANSWER_CHARACTERS_MAX] + " …"
        return line or "(no text)"


@dataclass(frozen=True)
class Fault:
    """A part of an entry that no resend can help, with the answer that says so.

    ``place``: of the part's first record in the entry, from 0. They stand side by side there, but
    for those of a batch whose schema would be kept too often.
    """

    part: Entry
    answer: Answer
    place: int = 0

    @property
    def records(self) -> int:
        return self.part.records


_COURSES = {
    400: Course.HALVE,
    403: Course.DOUBT,
    408: Course.AGAIN,
    413: Course.SMALLER,
    415: Course.SET_ASIDE,
    422: Course.HALVE,
    425: Course.AGAIN,
    429: Course.AGAIN,
}
_FROM_A_PROXY = frozenset({502, 504})
_REFUSING_RECORDS = frozenset({400, 422})
_REDIRECTIONS, _BAD_REQUEST, _UNAUTHORIZED, _SERVER_ERRORS = 300, 400, 401, 500
# What is wrong with a batch around its messages is wrong with each part of it.
_ENVELOPE = re.compile(
    r"Invalid JSON schema:"
    r"|Request failed validation:#(/(table_name|table_version|schema|key_names|bookmark_names)\b"
    r"|: (required|extraneous) key)"
)
_NOT_AUTHENTICATED = "Not Authenticated."
# The halves have names of their own, and would be taken as if theirs had not been used.
_NAME_USED_BEFORE = "Idempotency-Key was used before"


def course_of(answer: Answer, endpoint: str) -> Course:
    """Whatever is not listed, as an address that nothing listens at, holds: nothing is lost.

    So does a page for people where a gate should answer: of a proxy that wants somebody to sign in,
    or that takes nothing but TLS at this port. Its 400 says nothing of the records.
    """
    status = answer.status
    if status is None or status >= _SERVER_ERRORS:
        return Course.AGAIN
    is_page = answer.text.lstrip().startswith("<")
    if status < _REDIRECTIONS:
        return Course.HOLD if is_page else Course.DONE
    if status == _BAD_REQUEST and is_page:
        return Course.HOLD
    if status == _UNAUTHORIZED and _error(answer.text) == _NOT_AUTHENTICATED:
        return Course.DOUBT
    if status in _REFUSING_RECORDS and _concerns_the_whole(answer, endpoint):
        return Course.SET_ASIDE
    return _COURSES.get(status, Course.HOLD)


def all_at_fault(answer: Answer, records: int) -> list[str] | None:
    """The reason for each record, when the answer has one for every record of the request."""
    parsed = _parsed(answer.text)
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    if not isinstance(errors, list) or len(errors) != records:
        return None
    return [orjson.dumps(error).decode() for error in errors]


def together(answers: Sequence[Answer]) -> Answer:
    """Of parts that are kept as one: each text once, as far as there is room."""
    text = "\n".join(dict.fromkeys(answer.text for answer in answers))
    lost = any(answer.lost for answer in answers)
    return replace(answers[0], text=text[:ASIDE_ANSWERS_MAX], lost=lost)


def _concerns_the_whole(answer: Answer, endpoint: str) -> bool:
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
