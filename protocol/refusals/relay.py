"""Refusals that only a relay sends; ingest identifies callers by their tokens."""

from protocol.refusals import Refusal


class ForeignCaller(Refusal):
    """A page of the web may be behind it, in a browser of this machine."""

    code = "foreign_caller"
    status = 403

    def __init__(self) -> None:
        message = (
            "Without a secret the relay takes requests from programs on its own machine alone: call"
            " it as 127.0.0.1 or localhost and send no Origin header, or start it with"
            " --secret-file."
        )
        super().__init__({"message": message})
