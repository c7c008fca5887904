"""The conformance cases that are a story: requests and their answers in turn, in one file.

A file in ``scenes/`` holds steps, with a line of ``===`` between them; a step is written as a case
is (``cases.py``), with all its headers. ``{{NAME}}`` stands for a value: what ``setting`` gave, or
what a group ``(?P<NAME>…)`` of an answer's expression caught before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent / "scenes"
_VALUE = re.compile(r"\{\{([A-Z0-9_]+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """As written: values are put in when it is its turn."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str
    status: int
    answer_type: str
    answer: str

    def answered_by(
        self, status: int, answer_type: str, body: str, values: Mapping[str, str]
    ) -> dict[str, str] | None:
        """What it caught, when it is the expected answer."""
        if (status, answer_type.partition(";")[0]) != (self.status, self.answer_type):
            return None
        if not self.answer.startswith("~ "):
            return {} if body == filled(self.answer, values) else None
        escaped = {name: re.escape(text) for name, text in values.items()}
        found = re.fullmatch(filled(self.answer[2:], escaped), body)
        return None if found is None else found.groupdict()


def filled(text: str, values: Mapping[str, str]) -> str:
    return _VALUE.sub(lambda found: values[found[1]], text)


def steps_of(path: Path) -> list[Step]:
    return [_step(text) for text in path.read_text("utf-8").split("\n===\n")]


def _step(text: str) -> Step:
    request, _, answer = text.partition("\n---\n")
    head, _, body = request.partition("\n\n")
    lines = [line for line in head.splitlines() if not line.startswith("#")]
    method, _, path = lines[0].partition(" ")
    first, _, answer_body = answer.partition("\n")
    status, _, answer_type = first.partition(" ")
    headers = [line.partition(": ") for line in lines[1:]]
    return Step(
        method=method,
        path=path,
        headers=tuple((name, text) for name, _, text in headers),
        body=body,
        status=int(status),
        answer_type=answer_type,
        answer=answer_body.rstrip("\n"),
    )


SCENES = sorted(HERE.glob("*.http"))
