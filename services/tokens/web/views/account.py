"""Your account: change the password, list and end sessions."""

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
    """Ends every session of the member and starts a new one for this browser."""
    site = context.site
    try:
        secret = await site.sign_in.change_password(
            context.member,
            context.form.get("present", ""),
            context.form.get("wanted", ""),
            peer=site.caller_address(context.request),
        )
    except (PasswordUnusable, PasswordWrong, TooManyAttempts) as error:
        status = 503 if isinstance(error, TooManyAttempts) else 422
        return await _render(context, error, status=status)
    context.member = context.member.with_secret(secret)
    response = await context.redirect(
        "/account", "Your password was changed, and all other sessions were signed out."
    )
    site.set_session_cookie(response, context.request, secret)
    return response


async def sign_out_everywhere(context: PageContext) -> web.Response:
    await context.site.sessions.end_all(context.member.member_id)
    response = see_other("/sign-in")
    context.site.delete_session_cookie(response, context.request)
    return response


async def _render(
    context: PageContext, error: CommandRefused | None = None, *, status: int = 200
) -> web.Response:
    sessions = await context.site.sessions.list_for_member(context.member.member_id)
    return context.render(
        "account.html",
        status=status,
        sessions=sessions,
        current_key=secret_hash(context.member.secret),
        error=error.message if error else None,
        error_code=error.code if error else "",
        characters_min=PASSWORD_CHARACTERS_MIN,
        characters_max=PASSWORD_CHARACTERS_MAX,
    )
