"""The way in and out: signing in, a one-time link, signing out."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from services.tokens.refusals import (
    Busy,
    CommandRefused,
    EmailTaken,
    EmailUnusable,
    PasswordUnusable,
    SignInRefused,
    TooManyAttempts,
)
from services.tokens.sign_in.secrets import new_secret
from services.tokens.sign_in.sessions import form_key
from services.tokens.web import headers
from services.tokens.web.context import PageContext
from services.tokens.web.forms import read_form
from services.tokens.web.headers import VISITOR_COOKIE, get_cookie, see_other, set_cookie
from services.tokens.web.site import SITE

HOME = "/integrations"

# A path of ours. Two slashes, or one and a backslash, would be another host.
_LOCAL_PATH = re.compile(r"/(?:[A-Za-z0-9_~.-][A-Za-z0-9_~./-]*)?(?:\?[A-Za-z0-9_~./%&=+:,-]*)?")


async def show_sign_in(request: web.Request) -> web.Response:
    if await request.app[SITE].current_member(request) is not None:
        return see_other(local_path(request.query.get("next", "")))
    return _render(request, "sign_in.html", {"email": "", "no": None})


async def sign_in(request: web.Request) -> web.Response:
    site = request.app[SITE]
    form = await read_form(request, form_key(_visitor_secret(request) or new_secret()))
    email = form.get("email", "")
    try:
        secret = await site.sign_in.sign_in(
            email,
            form.get("password", ""),
            peer=site.caller_address(request),
            replaces=site.session_secret(request),
        )
    except (SignInRefused, TooManyAttempts, Busy) as no:
        status = 403 if isinstance(no, SignInRefused) else 503
        return _render(request, "sign_in.html", {"email": email, "no": no}, status=status)
    response = see_other(local_path(request.query.get("next", "")))
    site.set_session_cookie(response, request, secret)
    return response


async def sign_out(context: PageContext) -> web.Response:
    await context.site.sessions.end(context.member.secret)
    response = see_other("/sign-in")
    context.site.delete_session_cookie(response, context.request)
    return response


async def show_link(request: web.Request) -> web.Response:
    """Looking does not use it up: scanners of mails follow every link."""
    link = await request.app[SITE].links.find(request.match_info["secret"])
    return _render(request, "choose_password.html", {"link": link, "email": "", "no": None})


async def use_link(request: web.Request) -> web.Response:
    site, secret = request.app[SITE], request.match_info["secret"]
    form = await read_form(request, form_key(_visitor_secret(request) or new_secret()))
    email = form.get("email", "")
    try:
        session = await site.links.use(
            secret,
            email=email,
            password=form.get("password", ""),
            peer=site.caller_address(request),
        )
    except (PasswordUnusable, EmailUnusable, EmailTaken) as no:
        link = await site.links.find(secret)
        values: dict[str, Any] = {"link": link, "email": email, "no": no}
        return _render(request, "choose_password.html", values, status=422)
    response = see_other(HOME)
    site.set_session_cookie(response, request, session)
    return response


def local_path(wanted: str) -> str:
    """Where to go after signing in; anything but a path of ours is home."""
    return wanted if wanted != "/" and _LOCAL_PATH.fullmatch(wanted) else HOME


def _render(
    request: web.Request, template: str, values: dict[str, Any], *, status: int = 200
) -> web.Response:
    site = request.app[SITE]
    visitor = _visitor_secret(request) or new_secret()
    no: CommandRefused | None = values["no"]
    shared = {
        "form_key": form_key(visitor),
        "path": request.path_qs,
        "now": site.clock.now(),
        "error": no.message if no else None,
        "error_code": no.code if no else "",
    }
    text = site.templates.render(template, values | shared)
    response = headers.html_response(text, status=status)
    set_cookie(response, VISITOR_COOKIE, visitor, https=site.is_https(request))
    return response


def _visitor_secret(request: web.Request) -> str | None:
    return get_cookie(request, VISITOR_COOKIE, https=request.app[SITE].is_https(request))
