"""What can go wrong between a decision and the log."""


class LogError(Exception):
    """The log did not take the facts; nothing was written."""


class StreamMoved(LogError):
    """Somebody else appended to the stream first; read it again and decide again."""


class EventConflict(LogError):
    """The same command was recorded before with other facts; use a new command id."""


class LogBusy(LogError):
    """The log's head stayed locked for five seconds; try the same append again."""


class LogHalted(LogError):
    """The log does not extend its last signed checkpoint: see docs/operations/restore.md."""


class ConstraintViolated(LogError):
    """A projection refused the facts; ``constraint`` names the rule that they break."""

    def __init__(self, constraint: str, detail: str) -> None:
        super().__init__(f"{constraint}: {detail}")
        self.constraint = constraint


class UnknownFact(LogError):
    """The log holds a type of fact that this version does not know; upgrade before reading it."""


class CorruptFact(LogError):
    """The data of a fact does not have the members that its type demands."""
