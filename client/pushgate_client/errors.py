"""What can go wrong that the caller must know of. Each says what happened and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushgate_client.entries import Entry
    from pushgate_client.sending.answers import Answer, Fault


class PushgateError(Exception):
    """Everything this package raises on purpose."""


class ClientClosed(PushgateError):
    def __init__(self) -> None:
        super().__init__(
            "The client is not open here: push inside its block, in the process that opened it."
            " What its outbox took is kept there."
        )


class OutboxLocked(PushgateError):
    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(
            f"The outbox {directory} is in use by {holder}. Stop that one first, or give this one"
            " a directory of its own."
        )


class OutboxUnusable(PushgateError):
    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"The outbox {directory} can't be opened: {reason}. It needs a directory that this"
            " process may make, or read and write, on a disk with some room."
        )


class OutboxFull(PushgateError):
    """Nothing of the entry was kept."""

    def __init__(self, held_bytes: int, bytes_max: int) -> None:
        super().__init__(
            f"The outbox holds {held_bytes:,} of {bytes_max:,} bytes and takes no more: see what"
            " waits or was set aside (`pushgate outbox`), or let it have more."
        )


class DiskFull(PushgateError):
    """Nothing of the entry was kept; what was acknowledged before is safe."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"The outbox {directory} can't write: {reason}. Make room on that disk.")


class RecordUnusable(PushgateError):
    """``index`` counts from 0 in what was handed over; the records before it are in.

    ``accepted`` tells how many those are.
    """

    def __init__(self, index: int, accepted: int, reason: str) -> None:
        super().__init__(
            f"Record {index:,} can't be sent: {reason}. The {accepted:,} before it are in; mend it"
            " and push from there on."
        )
        self.index = index
        self.accepted = accepted


class TokenUnreadable(PushgateError):
    """The source of the token has none at the moment."""


class Refused(PushgateError):
    """Without an outbox: the gate refused these records, unchanged it will refuse them again."""

    def __init__(self, accepted: int, faults: list[Fault]) -> None:
        first = faults[0]
        super().__init__(
            f"{sum(fault.records for fault in faults):,} records were refused, {accepted:,} are in."
            f" The first: {first.answer}"
        )
        self.accepted = accepted
        self.faults = faults


class GaveUp(PushgateError):
    """Without an outbox: nobody took the records in time. Whether some are in is not known.

    Pushing them again changes nothing for those that are. ``part`` is what was tried last.
    """

    def __init__(self, seconds: float, answer: Answer, part: Entry) -> None:
        super().__init__(
            f"Not accepted within {seconds:g} s: {answer}. Push the same records again, or give the"
            " client an outbox, which keeps them until they are."
        )
        self.answer = answer
        self.part = part
