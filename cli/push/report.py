"""What became of every record of a push: counts, and a place and a reason for each that is not in.

Record numbers are those of the file: lines of NDJSON, places in an array, from 1.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cli.push.limits import PROBLEMS_MAX
from cli.push.requests import PushRequest


class PushOutcome(StrEnum):
    REFUSED = "refused"  # the gate said no and took nothing
    UNKNOWN = "unknown"  # sent, and the answer was lost: taken or not
    UNUSABLE = "unusable"  # not a record that could be sent
    UNSENT = "unsent"  # not tried, because the push ended before
    HELD = "held"  # waits in the outbox
    SET_ASIDE = "set aside"  # refused for good, and kept in the outbox for a person


@dataclass(frozen=True, kw_only=True)
class Problem:
    """``last`` and ``records`` are None when the rest of the input was not read."""

    outcome: PushOutcome
    first: int
    last: int | None
    records: int | None
    reason: str
    status: int | None = None

    @property
    def advice(self) -> str:
        known = _ADVICE_BY_OUTCOME.get(self.outcome)
        if known is not None:
            return known
        if self.reason.startswith("<") and (self.status or _SERVER_ERRORS) < _SERVER_ERRORS:
            # A page for people: what answers here is no gate.
            return _WRONG_ADDRESS
        return _ADVICE_BY_STATUS.get(self.status or 0, "push these again later")

    def __str__(self) -> str:
        place = f"{self.first:,} to the end" if self.last is None else _range(self.first, self.last)
        status = f" with {self.status}" if self.status else ""
        return f"{place}: {self.outcome}{status}: {self.reason}\n    {self.advice}"


_ADVICE_BY_OUTCOME = {
    PushOutcome.UNUSABLE: "mend these lines and push them",
    PushOutcome.UNSENT: "push these once that is settled",
    PushOutcome.UNKNOWN: "push these again: a record that is in already changes nothing by that",
    PushOutcome.HELD: "nothing is lost: `pushgate outbox DIR --resume` sends them",
    PushOutcome.SET_ASIDE: (
        "mend the cause, then `pushgate outbox DIR --send-again`; or mend and push these"
    ),
}
_SERVER_ERRORS = 500
_WRONG_ADDRESS = "nothing takes pushes at this address: check PUSHGATE_IMPORT_URL, then push these"
_ADVICE_BY_STATUS = {
    400: "mend the records: unchanged they are refused again",
    401: "get an active token (`pushgate tokens check` says what this one is), then push these",
    403: "the token belongs to another client: set PUSHGATE_CLIENT_ID to its number, push these",
    **dict.fromkeys((301, 302, 303, 307, 308, 404, 405), _WRONG_ADDRESS),
    413: "the record alone is more than the gate takes: make it smaller, push it",
    422: "mend the records: unchanged they are refused again",
}


def _range(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


@dataclass(kw_only=True)
class Report:
    """``still_reading``: the push ended while a thread waits for more input, and still does.

    ``requests`` counts all that were sent, those of halves and of further attempts too.
    """

    accepted: int = 0
    requests: int = 0
    sent_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    still_reading: bool = False
    interrupted: bool = False

    @property
    def is_full(self) -> bool:
        """So much is wrong that going on would only say it again."""
        return len(self.problems) >= PROBLEMS_MAX

    @property
    def complete(self) -> bool:
        return not self.problems

    @property
    def not_accepted(self) -> int | None:
        """None when nobody counted, because the rest of the input was not read."""
        counts = [problem.records for problem in self.problems]
        return None if None in counts else sum(count or 0 for count in counts)

    def records_of(self, outcome: PushOutcome) -> int:
        return sum(p.records or 0 for p in self.problems if p.outcome is outcome)

    def accept(self, *, records: int, size: int) -> None:
        """``size``: of the request that they stood in."""
        if records:
            self.accepted += records
            self.sent_bytes += size

    def add(
        self, outcome: PushOutcome, request: PushRequest, *, reason: str, status: int | None = None
    ) -> None:
        """What is not in: the whole request, or a part of it."""
        self.problems.append(
            Problem(
                outcome=outcome,
                first=request.first,
                last=request.last,
                records=request.records,
                reason=reason,
                status=status,
            )
        )

    def merged(self) -> list[Problem]:
        """In order of place; neighbours with one reason are one problem."""
        merged: list[Problem] = []
        for problem in sorted(self.problems, key=lambda p: p.first):
            before = merged[-1] if merged else None
            if before is not None and _continues(before, problem):
                merged[-1] = _join(before, problem)
            else:
                merged.append(problem)
        return merged

    def as_json(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "not_accepted": self.not_accepted,
            "requests": self.requests,
            "bytes": self.sent_bytes,
            "problems": [
                {
                    "outcome": problem.outcome,
                    "first": problem.first,
                    "last": problem.last,
                    "records": problem.records,
                    "status": problem.status,
                    "reason": problem.reason,
                    "advice": problem.advice,
                }
                for problem in self.merged()
            ],
        }


def _continues(before: Problem, problem: Problem) -> bool:
    return (
        before.last is not None
        and before.last + 1 >= problem.first
        and (before.outcome, before.status, before.reason)
        == (problem.outcome, problem.status, problem.reason)
    )


def _join(before: Problem, problem: Problem) -> Problem:
    counted = before.records is not None and problem.records is not None
    return Problem(
        outcome=before.outcome,
        first=before.first,
        last=problem.last,
        records=(before.records or 0) + (problem.records or 0) if counted else None,
        reason=before.reason,
        status=before.status,
    )
