"""The report of a push: counts, and the numbers and a reason for the records not accepted.

Record numbers count from 1: the lines of an NDJSON file, or the positions in an array.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cli.push.limits import PROBLEMS_MAX
from pushgate_client.records import InvalidRecord


class PushOutcome(StrEnum):
    """What became of records that were not accepted."""

    REFUSED = "refused"  # the gate refused the request and stored nothing of it
    UNKNOWN = "unknown"  # sent, but the answer was lost: stored or not
    UNUSABLE = "unusable"  # not a record that could be sent
    UNSENT = "unsent"  # not tried, because the push ended before
    ON_HOLD = "held"  # waits in the outbox
    SET_ASIDE = "set aside"  # refused permanently, and kept in the outbox for a person

    @property
    def label(self) -> str:
        """For people; reports in JSON keep the value."""
        return _LABELS.get(self, self.value)


_LABELS = {PushOutcome.UNUSABLE: "invalid", PushOutcome.UNSENT: "not sent"}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """``last`` and ``records`` are None if the rest of the input was not read."""

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
            # A page for people: this is not a gate's answer.
            return _WRONG_ADDRESS
        return _ADVICE_BY_STATUS.get(self.status or 0, "push these again later")

    def __str__(self) -> str:
        place = _place(self.first, self.last)
        status = f" with {self.status}" if self.status else ""
        return f"{place}: {self.outcome.label}{status}: {self.reason}\n    {self.advice}"


_ADVICE_BY_OUTCOME = {
    PushOutcome.UNUSABLE: "fix these lines and push them again",
    PushOutcome.UNSENT: "push these once the cause is fixed",
    PushOutcome.UNKNOWN: "push these again: it changes nothing for records that are stored",
    PushOutcome.ON_HOLD: "nothing is lost: `pushgate outbox DIRECTORY --resume` sends them",
    PushOutcome.SET_ASIDE: (
        "fix the cause, then run `pushgate outbox DIRECTORY --send-again`; or fix these and push"
        " them"
    ),
}
_SERVER_ERRORS = 500
_WRONG_ADDRESS = (
    "no Pushgate API answers at this address: check PUSHGATE_IMPORT_URL, then push these"
)
_ADVICE_BY_STATUS = {
    400: "fix these records; retrying them unchanged fails again",
    401: "get an active token (`pushgate tokens check` shows what is wrong), then push these",
    403: "the token belongs to another client: set PUSHGATE_CLIENT_ID to its number, push these",
    **dict.fromkeys((301, 302, 303, 307, 308, 404, 405), _WRONG_ADDRESS),
    413: "one record is larger than a request may be: make it smaller, then push it",
    422: "fix these records; retrying them unchanged fails again",
}


def _place(first: int, last: int | None) -> str:
    if first == last:
        return f"record {first:,}"
    return f"records {first:,} to {'the end' if last is None else f'{last:,}'}"


@dataclass(kw_only=True)
class Report:
    """``still_reading``: a thread still waits for more input although the push has ended.

    ``requests`` counts every request sent, retries and halves included.
    """

    accepted: int = 0
    requests: int = 0
    sent_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    still_reading: bool = False
    interrupted: bool = False

    @property
    def is_full(self) -> bool:
        """So many problems that further ones would add nothing."""
        return len(self.problems) >= PROBLEMS_MAX

    @property
    def complete(self) -> bool:
        return not self.problems

    @property
    def not_accepted(self) -> int | None:
        """None if it is unknown, because the rest of the input was not read."""
        counts = [problem.records for problem in self.problems]
        return None if None in counts else sum(count or 0 for count in counts)

    def records_of(self, outcome: PushOutcome) -> int:
        return sum(p.records or 0 for p in self.problems if p.outcome is outcome)

    def accept(self, *, records: int, size: int) -> None:
        """``size``: bytes of the request that they were part of."""
        if records:
            self.accepted += records
            self.sent_bytes += size

    def add(
        self,
        outcome: PushOutcome,
        numbers: Sequence[int],
        *,
        reason: str,
        status: int | None = None,
    ) -> None:
        """Records that are not stored: those of a request, or of a part of it."""
        self.problems.append(
            Problem(
                outcome=outcome,
                first=numbers[0],
                last=numbers[-1],
                records=len(numbers),
                reason=reason,
                status=status,
            )
        )

    def add_invalid(self, record: InvalidRecord) -> None:
        self.problems.append(
            Problem(
                outcome=PushOutcome.UNUSABLE,
                first=record.number,
                last=None if record.ends else record.number,
                records=None if record.ends else 1,
                reason=record.reason,
            )
        )

    def add_unread(self, first: int, last: int | None, records: int | None, reason: str) -> None:
        """The rest of the input; ``last`` and ``records`` are None if it was not counted."""
        self.problems.append(
            Problem(
                outcome=PushOutcome.UNSENT, first=first, last=last, records=records, reason=reason
            )
        )

    def merged(self) -> list[Problem]:
        """In the order of the input; neighbours with the same reason become one problem."""
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
