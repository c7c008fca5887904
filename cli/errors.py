"""How a command says no: one sentence on standard error, and an exit code."""

import contextlib
from collections.abc import Iterator

SUCCESS = 0
FAILED = 1
USAGE = 2
# As shells say of a command that Ctrl-C ended.
INTERRUPTED = 130
# As shells say of a command whose output nobody reads any more.
PIPE_CLOSED = 141


class CommandFailed(Exception):
    """The command could not do it, or found something wanting; the text says what to do."""


@contextlib.contextmanager
def reporting_file_errors() -> Iterator[None]:
    """Raises CommandFailed, with the file's name, for what the file system does not do."""
    try:
        yield
    except OSError as error:
        raise CommandFailed(
            f"{error.filename or 'A file'} can't be used: {error.strerror}."
        ) from error
