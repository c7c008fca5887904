"""The conformance cases of wire contract section 7, as files: one request and its answer each.

A file is ``<id>[-<variant>].http``: a comment, the request line, its headers, an empty line, the
body, a line of three dashes, the answer's status and type, the answer's body. A body that begins
with ``~ `` is a regular expression, for which white space is all the same. The bodies are the
contract's own, for account 7723; ``for_client`` writes another account's id in its place.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
CLIENT_ID = 7723
PUSH, BATCH, VALIDATE = "/v2/import/push", "/v2/import/batch", "/v2/import/validate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    method: str
    path: str
    # None: the header is not sent.
    content_type: str | None
    body: bytes
    status: int
    answer_type: str
    answer: bytes

    def for_client(self, client_id: int) -> "Case":
        mine = str(CLIENT_ID).encode()
        theirs = str(client_id).encode()
        return replace(
            self, body=self.body.replace(mine, theirs), answer=self.answer.replace(mine, theirs)
        )

    def answered_by(self, status: int, answer_type: str, body: bytes) -> bool:
        if (status, answer_type.partition(";")[0]) != (self.status, self.answer_type):
            return False
        if not self.answer.startswith(b"~ "):
            return body == self.answer
        pattern = self.answer[2:].decode()
        return re.fullmatch(pattern, " ".join(body.decode().split())) is not None


def read_case(path: Path) -> Case:
    request, _, answer = path.read_bytes().partition(b"\n---\n")
    head, _, body = request.partition(b"\n\n")
    lines = [line for line in head.decode().splitlines() if not line.startswith("#")]
    method, _, target = lines[0].partition(" ")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    first, _, answer_body = answer.partition(b"\n")
    status, _, answer_type = first.decode().partition(" ")
    return Case(
        name=path.stem,
        method=method,
        path=target,
        content_type=headers.get("Content-Type"),
        body=body,
        status=int(status),
        answer_type=answer_type,
        answer=answer_body.rstrip(b"\n"),
    )


CASES = [read_case(path) for path in sorted(HERE.glob("*.http"))]
# What the pure checks alone decide; the rest needs the program around them.
PURE_CASES = [case for case in CASES if case.status not in {404, 405, 415}]
