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
from services.tokens.web.context import PageContext
from services.tokens.web.headers import see_other


async def show(context: PageContext) -> web.Response:
    return await _render(context)


async def change_password(context: PageContext) -> web.Response:
    site = context.site
    try:
        secret = await site.sign_in.change_password(
            context.member,
            context.form.get("present", ""),
            context.form.get("wanted", ""),
            peer=site.caller_address(context.request),
        )
    except (PasswordUnusable, PasswordWrong, TooManyAttempts) as no:
        return await _render(context, no, status=503 if isinstance(no, TooManyAttempts) else 422)
    context.member = context.member.with_secret(secret)
    response = await context.redirect(
        "/account", "Your password was changed. Other places where you were signed in are not now."
    )
    site.set_session_cookie(response, context.request, secret)
    return response


async def sign_out_everywhere(context: PageContext) -> web.Response:
    await context.site.sessions.end_all(context.member.member_id)
    response = see_other("/sign-in")
    context.site.delete_session_cookie(response, context.request)
    return response


async def _render(
    context: PageContext, no: CommandRefused | None = None, *, status: int = 200
) -> web.Response:
    sessions = await context.site.sessions.list_for_member(context.member.member_id)
    return context.render(
        "account.html",
        status=status,
        sessions=sessions,
        current_key=secret_hash(context.member.secret),
        error=no.message if no else None,
        error_code=no.code if no else "",
        characters_min=PASSWORD_CHARACTERS_MIN,
        characters_max=PASSWORD_CHARACTERS_MAX,
    )
