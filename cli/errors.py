"""How a command says no: one sentence on standard error, and an exit code."""

import contextlib
from collections.abc import Iterator

DONE = 0
REFUSED = 1
USAGE = 2
# As shells say of a command that Ctrl-C ended.
INTERRUPTED = 130
# As shells say of a command whose output nobody reads any more.
CUT_OFF = 141


class Refused(Exception):
    """The command could not do it, or found something wanting; the text says what to do."""


@contextlib.contextmanager
def refusing_files() -> Iterator[None]:
    """Raises Refused, with the file's name, for what the file system does not do."""
    try:
        yield
    except OSError as error:
        raise Refused(f"{error.filename or 'A file'} can't be used: {error.strerror}.") from error
