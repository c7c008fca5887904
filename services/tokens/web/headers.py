"""What every page and file is sent with, and cookies."""

from __future__ import annotations

from aiohttp import web

# Nothing from elsewhere, nothing inline, in nobody's frame.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # An address may hold a one-time link. "no-referrer" would also take the Origin from our forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# One of the pages holds a token; none is for a cache.
PAGE_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
# Its address changes with its content.
STATIC_FILE_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}

SESSION_COOKIE = "pushgate_session"
# Of a browser that is not signed in yet, so that the forms before that are its own too.
VISITOR_COOKIE = "pushgate_visitor"


def html_response(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=PAGE_HEADERS)


def see_other(path: str) -> web.Response:
    """After a form: the next address is asked for with GET. ``path`` is one of ours."""
    return web.Response(status=303, headers={**PAGE_HEADERS, "Location": path})


def is_https(request: web.Request, *, behind_proxy: bool) -> bool:
    """By the connection, or because a proxy of ours says so."""
    forwarded = request.headers.getall("X-Forwarded-Proto", [""])[-1]
    return request.secure or (behind_proxy and forwarded.strip().lower() == "https")


def get_cookie(request: web.Request, name: str, *, https: bool) -> str | None:
    return request.cookies.get(_cookie_name(name, https=https)) or None


def set_cookie(
    response: web.StreamResponse, name: str, value: str, *, https: bool, seconds: int | None = None
) -> None:
    """Out of scripts' reach; not sent along from other sites' forms. None: until it is closed."""
    response.set_cookie(
        _cookie_name(name, https=https),
        value,
        max_age=seconds,
        path="/",
        secure=https,
        httponly=True,
        samesite="Lax",
    )


def delete_cookie(response: web.StreamResponse, name: str, *, https: bool) -> None:
    response.del_cookie(
        _cookie_name(name, https=https), path="/", secure=https, httponly=True, samesite="Lax"
    )


def _cookie_name(name: str, *, https: bool) -> str:
    """With this prefix no browser takes the cookie from a neighbouring host or without TLS."""
    return f"__Host-{name}" if https else name
