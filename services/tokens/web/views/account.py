"""One's own account: the password, and where one is signed in."""

from __future__ import annotations

from aiohttp import web

from services.tokens.limits import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN
from services.tokens.refusals import (
    CommandRefused,
    PasswordUnusable,
    PasswordWrong,
    TooManyAttempts,
)
from services.tokens.sign_in.secrets import secret_hash
from services.tokens.web.context import Visit
from services.tokens.web.headers import see_other


async def show(visit: Visit) -> web.Response:
    return await _draw(visit)


async def change_password(visit: Visit) -> web.Response:
    site = visit.site
    try:
        secret = await site.sign_in.change_password(
            visit.member,
            visit.form.get("present", ""),
            visit.form.get("wanted", ""),
            peer=site.peer(visit.request),
        )
    except (PasswordUnusable, PasswordWrong, TooManyAttempts) as no:
        return await _draw(visit, no, status=503 if isinstance(no, TooManyAttempts) else 422)
    visit.member = visit.member.with_secret(secret)
    response = await visit.go(
        "/account", "Your password was changed. Other places where you were signed in are not now."
    )
    site.keep_session(response, visit.request, secret)
    return response


async def sign_out_everywhere(visit: Visit) -> web.Response:
    await visit.site.sessions.end_all(visit.member.member_id)
    response = see_other("/sign-in")
    visit.site.drop_session(response, visit.request)
    return response


async def _draw(
    visit: Visit, no: CommandRefused | None = None, *, status: int = 200
) -> web.Response:
    sessions = await visit.site.sessions.list_for_member(visit.member.member_id)
    return visit.page(
        "account.html",
        status=status,
        sessions=sessions,
        this=secret_hash(visit.member.secret),
        error=no.message if no else None,
        error_code=no.code if no else "",
        characters_min=PASSWORD_CHARACTERS_MIN,
        characters_max=PASSWORD_CHARACTERS_MAX,
    )
