"""Errors of appending to and reading from the log."""


class LogError(Exception):
    """The facts were not appended; nothing was written."""


class StreamMoved(LogError):
    """Another append to the stream came first; read the stream and decide again."""


class EventConflict(LogError):
    """The command id was used before with other facts; use a new command id."""


class LogBusy(LogError):
    """The head of the log stayed locked for five seconds; retry the append."""


class LogHalted(LogError):
    """The log does not extend its last signed checkpoint; see docs/operations/restore.md."""


class ConstraintViolated(LogError):
    """A projection refused the facts; ``constraint`` is the violated constraint."""

    def __init__(self, constraint: str, detail: str) -> None:
        super().__init__(f"{constraint}: {detail}")
        self.constraint = constraint


class UnknownFact(LogError):
    """The log contains a fact type of a newer version; upgrade to read it."""


class CorruptFact(LogError):
    """The data of a fact does not have the members of its type."""
