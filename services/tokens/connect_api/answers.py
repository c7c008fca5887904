"""Responses of the Connect API, with a status for each refusal (wire contract 2.4, S1 to S18)."""

from typing import Any

import orjson
from aiohttp import web

from services.tokens import refusals
from services.tokens.limits import RETRY_AFTER_SECONDS
from services.tokens.refusals import CommandRefused

NOT_AUTHORIZED = {"message": "Not Authorized"}  # S12
NOT_FOUND = {"message": "Not Found"}  # S18

# Status and `error` of each. After 503 the same request may be retried.
STATUS_AND_ERROR: dict[type[CommandRefused], tuple[int, str]] = {
    refusals.IntegrationNotFound: (400, "InvalidId"),  # S11, S14; S13 makes it 404 on GET
    refusals.NameTaken: (400, "InvalidName"),  # S2, S5
    refusals.NameUnusable: (400, "InvalidDisplayName"),  # S6
    refusals.DisplayNameUnusable: (400, "InvalidDisplayName"),  # S10
    refusals.PausedAtUnusable: (400, "InvalidBody"),
    refusals.TokenLimitReached: (400, "TokenLimitReached"),  # S15
    refusals.TokenNotFound: (400, "InvalidId"),  # S16
    refusals.TokenLabelUnusable: (400, "InvalidLabel"),
    refusals.ConnectTokenNotFound: (400, "InvalidId"),
    # Of members and sessions: no endpoint of the Connect API raises these.
    refusals.MemberNotFound: (400, "InvalidId"),
    refusals.LastOwner: (400, "LastOwner"),
    refusals.MemberLimitReached: (400, "MemberLimitReached"),
    refusals.EmailUnusable: (400, "InvalidEmail"),
    refusals.EmailTaken: (400, "InvalidEmail"),
    refusals.PasswordUnusable: (400, "InvalidPassword"),
    refusals.PasswordWrong: (403, "AccessDenied"),
    refusals.SignInRefused: (403, "AccessDenied"),
    refusals.TooManyAttempts: (503, "TooManyAttempts"),
    refusals.LinkUnknown: (404, "InvalidId"),
    refusals.ForeignForm: (403, "AccessDenied"),
    refusals.FormUsed: (400, "FormUsed"),
    refusals.AccountNotFound: (400, "InvalidId"),
    refusals.AccountNameUnusable: (400, "InvalidName"),
    refusals.RoleForbids: (403, "AccessDenied"),
    refusals.Busy: (503, "Busy"),
    refusals.DatabaseUnavailable: (503, "DatabaseAway"),
    refusals.WritesHalted: (503, "LogHalted"),
}


class BadBody(Exception):
    """The body is not what the endpoint accepts (S1, S3, S4, S8, S9)."""

    def __init__(self, error: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.error = error
        self.data = {"message": message, **data}


def json_response(body: Any, *, status: int = 200, **headers: str) -> web.Response:
    """Compact JSON, not cacheable: one of these bodies contains a token."""
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )


def error_response(error: str, data: dict[str, Any], *, status: int = 400) -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}  # noqa: PLR2004 - as in the contract
    return json_response({"error": error, "data": data}, status=status, **headers)


def refusal_response(refusal: CommandRefused, request: web.Request) -> web.Response:
    status, error = STATUS_AND_ERROR[type(refusal)]
    if isinstance(refusal, refusals.IntegrationNotFound) and request.method == "GET":
        status = 404
    return error_response(error, {"message": _message(refusal, request)}, status=status)


def _message(refusal: CommandRefused, request: web.Request) -> str:
    """The original's literal text where there is one; ids as they were in the path."""
    source_id, token_id = (request.match_info.get(name) for name in ("source_id", "token_id"))
    match refusal:
        case refusals.IntegrationNotFound():
            text = f"source not found ({source_id})"
        case refusals.TokenLimitReached():
            text = f"source already has the maximum of 2 active access tokens ({source_id})"
        case refusals.TokenNotFound():
            text = f"token not found ({token_id})"
        case refusals.NameTaken(display_name=name, schema_name=derived) if name == derived:
            text = f"non-unique name ({name})"
        case refusals.NameTaken(display_name=name, schema_name=derived):
            text = f"non-unique name after deriving it from display_name ({name} -> {derived})"
        case refusals.NameUnusable(display_name=name, schema_name=derived):
            text = f"invalid name after deriving it from display_name ({name} -> {derived})"
        case refusals.DisplayNameUnusable(display_name=name):
            text = f"invalid display_name ({name})"
        case _:
            text = refusal.message
    return text
