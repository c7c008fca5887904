"""How a command says no: one sentence on standard error, and an exit code."""

DONE = 0
REFUSED = 1
USAGE = 2


class Refused(Exception):
    """The command could not do it, or found something wanting; the text says what to do."""
