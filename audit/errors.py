"""Why an audit could not be done."""


class AuditFailed(Exception):
    """The message says what happened."""
