"""Sign in, choose a password with a one-time link, and sign out."""

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
from services.tokens.sign_in.sessions import csrf_token
from services.tokens.web import headers
from services.tokens.web.context import PageContext
from services.tokens.web.forms import read_form
from services.tokens.web.headers import VISITOR_COOKIE, get_cookie, see_other, set_cookie
from services.tokens.web.site import SITE

HOME = "/integrations"

# A path on this host. Browsers read two slashes, or a slash and a backslash, as another host.
_LOCAL_PATH = re.compile(r"/(?:[A-Za-z0-9_~.-][A-Za-z0-9_~./-]*)?(?:\?[A-Za-z0-9_~./%&=+:,-]*)?")


async def show_sign_in(request: web.Request) -> web.Response:
    if await request.app[SITE].current_member(request) is not None:
        return see_other(local_path(request.query.get("next", "")))
    return _render(request, "sign_in.html", {"email": ""})


async def sign_in(request: web.Request) -> web.Response:
    site = request.app[SITE]
    form = await read_form(request, csrf_token(_visitor_secret(request) or new_secret()))
    email = form.get("email", "")
    try:
        secret = await site.sign_in.sign_in(
            email,
            form.get("password", ""),
            peer=site.caller_address(request),
            replaces=site.session_secret(request),
        )
    except (SignInRefused, TooManyAttempts, Busy) as error:
        status = 403 if isinstance(error, SignInRefused) else 503
        return _render(request, "sign_in.html", {"email": email}, error, status=status)
    response = see_other(local_path(request.query.get("next", "")))
    site.set_session_cookie(response, request, secret)
    return response


async def sign_out(context: PageContext) -> web.Response:
    await context.site.sessions.end(context.member.secret)
    response = see_other("/sign-in")
    context.site.delete_session_cookie(response, context.request)
    return response


async def show_link(request: web.Request) -> web.Response:
    """A GET does not use up the link, because mail scanners follow every link."""
    link = await request.app[SITE].links.find(request.match_info["secret"])
    return _render(request, "choose_password.html", {"link": link, "email": ""})


async def use_link(request: web.Request) -> web.Response:
    site, secret = request.app[SITE], request.match_info["secret"]
    form = await read_form(request, csrf_token(_visitor_secret(request) or new_secret()))
    email = form.get("email", "")
    try:
        session = await site.links.use(
            secret,
            email=email,
            password=form.get("password", ""),
            peer=site.caller_address(request),
        )
    except (PasswordUnusable, EmailUnusable, EmailTaken) as error:
        values = {"link": await site.links.find(secret), "email": email}
        return _render(request, "choose_password.html", values, error, status=422)
    response = see_other(HOME)
    site.set_session_cookie(response, request, session)
    return response


def local_path(wanted: str) -> str:
    """Where to go after sign-in: ``wanted`` if it is a local path, otherwise the start page."""
    return wanted if wanted != "/" and _LOCAL_PATH.fullmatch(wanted) else HOME


def _render(
    request: web.Request,
    template: str,
    values: dict[str, Any],
    error: CommandRefused | None = None,
    *,
    status: int = 200,
) -> web.Response:
    """A page for a visitor who is not signed in; a cookie of its own carries the CSRF secret."""
    site = request.app[SITE]
    visitor = _visitor_secret(request) or new_secret()
    shared = {
        "csrf_token": csrf_token(visitor),
        "path": request.path_qs,
        "now": site.clock.now(),
        "error": error.message if error else None,
        "error_code": error.code if error else "",
    }
    response = headers.html_response(
        site.templates.render(template, values | shared), status=status
    )
    set_cookie(response, VISITOR_COOKIE, visitor, https=site.is_https(request))
    return response


def _visitor_secret(request: web.Request) -> str | None:
    return get_cookie(request, VISITOR_COOKIE, https=request.app[SITE].is_https(request))
