"""Refusals that every Import endpoint shares: the request around the body, and its text."""

from protocol.limits import CONTAINERS_MAX
from protocol.refusals import TEXT_TYPE, Refusal, shown


class MalformedHttp(Refusal):
    """No request of HTTP: the parser gave up on it, and nothing of it is repeated."""

    code = "malformed_http"
    status = 400

    def __init__(self) -> None:
        super().__init__({"message": "Malformed HTTP request."})


class PathNotFound(Refusal):
    """P20."""

    code = "path_not_found"
    status = 404

    def __init__(self) -> None:
        super().__init__({"message": "Not Found"})


class MethodNotAllowed(Refusal):
    """P8; ``allow`` is the value of the Allow header (X3)."""

    code = "method_not_allowed"
    status = 405
    content_type = TEXT_TYPE

    def __init__(self, allow: str) -> None:
        super().__init__("Method not allowed.")
        self.allow = allow


class BodyTooLarge(Refusal):
    """B12, P9. ``size_bytes`` is what was announced, or what had arrived when we stopped."""

    code = "body_too_large"
    status = 413

    def __init__(self, size_bytes: int) -> None:
        message = f"Request rejected: request size ({size_bytes} bytes) exceeds the maximum"
        super().__init__({"status": "ERROR", "message": message})


class InvalidRegion(Refusal):
    """B10, P3."""

    code = "invalid_region"
    status = 401

    def __init__(self) -> None:
        super().__init__({"message": "Invalid region."})


class NotAuthorized(Refusal):
    """B9, P6. The caller is told no more than this; we know which of those below it is."""

    status = 401

    def __init__(self) -> None:
        super().__init__({"message": "Not Authorized"})


class TokenMissing(NotAuthorized):
    """No ``Authorization: Bearer`` header."""

    code = "token_missing"


class TokenMangled(NotAuthorized):
    """Its form or its checksum is wrong: cut, retyped, or a token of another kind."""

    code = "token_mangled"


class TokenUnknown(NotAuthorized):
    """Well formed, and never made here."""

    code = "token_unknown"


class RevokedTokenUsed(NotAuthorized):
    """It was made here, and revoked; ``integration_id`` and ``token_id`` say whose it was."""

    code = "token_revoked"

    def __init__(self, integration_id: int | None = None, token_id: int | None = None) -> None:
        super().__init__()
        self.integration_id = integration_id
        self.token_id = token_id


class SeveralAuthorizations(Refusal):
    """Which of two tokens was meant, nobody can say (hostile input 24)."""

    code = "several_authorizations"
    status = 400

    def __init__(self) -> None:
        super().__init__({"message": "Send exactly one Authorization header."})


class TokenInUrl(Refusal):
    """Addresses end up in logs; a token must not (hostile input 23)."""

    code = "token_in_url"
    status = 400

    def __init__(self) -> None:
        message = (
            "Send the token in the Authorization header, never in the address; revoke this one."
        )
        super().__init__({"message": message})


class UnsupportedCoding(Refusal):
    """A Content-Encoding other than a single one of those we inflate (hostile input 18)."""

    code = "unsupported_coding"
    status = 415

    def __init__(self, accepted: str) -> None:
        message = f"Unsupported content-encoding. Please send no coding or one of: {accepted}"
        super().__init__({"status": "ERROR", "message": message})


class BrokenCoding(Refusal):
    """The compressed body is cut off, damaged or followed by something (hostile input 19)."""

    code = "broken_coding"
    status = 400

    def __init__(self) -> None:
        message = "The compressed body is damaged or incomplete."
        super().__init__({"status": "ERROR", "message": message})


class BodyTooSlow(Refusal):
    """The body did not arrive in time (hostile input 20)."""

    code = "body_too_slow"
    status = 408

    def __init__(self) -> None:
        super().__init__({"status": "ERROR", "message": "The body did not arrive in time."})


class CheckTooLong(Refusal):
    """Nobody knows what is wrong with it, if anything: it was given up."""

    code = "check_too_long"
    status = 400

    def __init__(self) -> None:
        message = "Request rejected: checking it takes too long. Please send smaller requests"
        super().__init__({"status": "ERROR", "message": message})


class BatchMediaTypeRefused(Refusal):
    """B13: batch takes JSON only, transit is refused too."""

    code = "batch_media_type_refused"
    status = 415
    content_type = TEXT_TYPE

    def __init__(self) -> None:
        super().__init__("Content-Type must be application/json")


class PushMediaTypeRefused(Refusal):
    """P10. ``media_type`` as sent, without parameters; empty when there was none."""

    code = "push_media_type_refused"
    status = 415

    def __init__(self, media_type: str) -> None:
        message = (
            f"Unsupported content-type {shown(media_type) or '(none)'}."
            " Please send application/json or application/transit+json"
        )
        super().__init__({"status": "ERROR", "message": message})


class ConnectionNotActive(Refusal):
    """B11, P5: the source is paused or deleted (401 although it says Forbidden: X28)."""

    code = "connection_not_active"
    status = 401

    def __init__(self) -> None:
        super().__init__({"error": "Forbidden", "errors": {"error": "Connection is not active."}})


class IdempotencyKeyReused(Refusal):
    """Wire contract 4.7."""

    code = "idempotency_key_reused"
    status = 400

    def __init__(self) -> None:
        super().__init__({"error": "Idempotency-Key was used before with a different body"})


class NotStorable(Refusal):
    """It passed every check, and the database refuses what it holds."""

    code = "not_storable"
    status = 400

    def __init__(self) -> None:
        message = "Request rejected: it holds something that cannot be stored."
        super().__init__({"status": "ERROR", "message": message})


class ServiceUnavailable(Refusal):
    """P19. Never 429: target-stitch gives up on that at once."""

    code = "service_unavailable"
    status = 503

    def __init__(self, retry_after_seconds: int) -> None:
        message = "Service unavailable; send the same request again later."
        super().__init__({"status": "ERROR", "message": message})
        self.retry_after_seconds = retry_after_seconds


class OutcomeUnknown(Refusal):
    """The database went away under a commit and stayed away: the one answer that promises nothing.

    504 is in the contract's vocabulary (2.1: "internal time-out, retry later"), and the clients
    that repeat a 503 repeat it too.
    """

    code = "outcome_unknown"
    status = 504

    def __init__(self) -> None:
        message = "Nobody can say yet whether this was taken; send the same request again."
        super().__init__({"status": "ERROR", "message": message})


class MalformedBody(Refusal):
    """B14, P2. ``parser_text`` is any parser's; clients do not read it."""

    code = "malformed_body"
    status = 400

    def __init__(self, parser_text: str) -> None:
        super().__init__(
            {
                "status": "ERROR",
                "message": "Malformed json in the body!",
                "error": shown(parser_text),
                "input": None,
            }
        )


class TooManyContainers(Refusal):
    """A body that would cost far more memory than its size (hostile input 3)."""

    code = "too_many_containers"
    status = 400

    def __init__(self) -> None:
        message = f"Request rejected: more than {CONTAINERS_MAX} objects and arrays"
        super().__init__({"status": "ERROR", "message": message})
