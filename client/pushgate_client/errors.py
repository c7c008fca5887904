"""The exceptions of this package. Each says what happened and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushgate_client.answers import Answer, Fault
    from pushgate_client.entries import Entry


class PushgateError(Exception):
    """The base of all exceptions of this package."""


class ClientClosed(PushgateError):
    def __init__(self) -> None:
        super().__init__(
            "The client is not open. Push inside its block, in the process that opened it. What is"
            " in its outbox stays there."
        )


class OutboxLocked(PushgateError):
    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(
            f"The outbox {directory} is in use by {holder}. Stop that first, or use another"
            " directory."
        )


class OutboxUnusable(PushgateError):
    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"The outbox {directory} can't be opened: {reason}. This process must be allowed to"
            " create the directory, or to read and write it, on a disk that is not full."
        )


class OutboxFull(PushgateError):
    """Nothing of the entry was stored."""

    def __init__(self, used_bytes: int, bytes_max: int) -> None:
        super().__init__(
            f"The outbox is full: it holds {used_bytes:,} of {bytes_max:,} bytes. Look at what"
            " waits or was set aside (`pushgate outbox`), or raise the limit."
        )


class DiskFull(PushgateError):
    """Nothing of the entry was stored; entries that were acknowledged before are safe."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"The outbox {directory} can't be written: {reason}. Free space on that disk."
        )


class RecordUnusable(PushgateError):
    """``index``: position of the record, from 0. ``accepted``: how many before it are stored."""

    def __init__(self, index: int, accepted: int, reason: str) -> None:
        super().__init__(
            f"Record {index:,} can't be sent: {reason}. The {accepted:,} before it are stored. Fix"
            " it and push from there on."
        )
        self.index = index
        self.accepted = accepted


class TokenUnreadable(PushgateError):
    """The source of the token has none at the moment."""


class Refused(PushgateError):
    """Without an outbox: the gate refused records; retrying them unchanged fails again."""

    def __init__(self, accepted: int, faults: list[Fault]) -> None:
        refused = sum(fault.records for fault in faults)
        were_refused = "record was refused" if refused == 1 else "records were refused"
        super().__init__(
            f"{refused:,} {were_refused}, {accepted:,} are stored. The first refusal:"
            f" {faults[0].answer}"
        )
        self.accepted = accepted
        self.faults = faults


class GaveUp(PushgateError):
    """Without an outbox: the records were not accepted in time; whether some are stored is unknown.

    Pushing them again changes nothing for those that are. ``part``: the part that was sent last.
    """

    def __init__(self, seconds: float, answer: Answer, part: Entry) -> None:
        super().__init__(
            f"Not accepted within {seconds:g} s: {answer}. Push the same records again, or use an"
            " outbox, which keeps records until they are accepted."
        )
        self.answer = answer
        self.part = part
