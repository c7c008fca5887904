"""How a command says no: one sentence on standard error, and an exit code."""

DONE = 0
REFUSED = 1
USAGE = 2
# As shells say of a command that Ctrl-C ended.
INTERRUPTED = 130


class Refused(Exception):
    """The command could not do it, or found something wanting; the text says what to do."""
