"""How a command fails: a message on standard error and an exit code."""

import contextlib
from collections.abc import Iterator

SUCCESS = 0
FAILED = 1
USAGE = 2
# What shells report for a command that Ctrl-C ended (128 + SIGINT).
INTERRUPTED = 130
# What shells report for a command that wrote to a closed pipe (128 + SIGPIPE).
PIPE_CLOSED = 141


class CommandFailed(Exception):
    """The command failed or found a problem; the message says what happened and what to do."""


@contextlib.contextmanager
def reporting_file_errors() -> Iterator[None]:
    """Turn an OSError into CommandFailed with the file's name."""
    try:
        yield
    except OSError as error:
        raise CommandFailed(
            f"{error.filename or 'A file'} cannot be used: {error.strerror}."
        ) from error
