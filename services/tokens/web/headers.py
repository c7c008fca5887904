"""Response headers of pages and static files, redirects and cookies."""

from __future__ import annotations

from aiohttp import web

# Only our own scripts and styles, nothing inline, and no embedding in frames.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # URLs may contain a one-time link. "no-referrer" would also remove Origin from our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# One page contains a token, so no page may be cached.
PAGE_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
# The URL of a static file changes with its content.
STATIC_FILE_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}

SESSION_COOKIE = "pushgate_session"
# Identifies a browser before sign-in, for the CSRF tokens of the sign-in forms.
VISITOR_COOKIE = "pushgate_visitor"


def html_response(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=PAGE_HEADERS)


def see_other(path: str) -> web.Response:
    """Redirect with 303, so that the browser continues with GET. ``path`` is a local path."""
    return web.Response(status=303, headers={**PAGE_HEADERS, "Location": path})


def is_https(request: web.Request, *, behind_proxy: bool) -> bool:
    """Whether the connection, or the trusted proxy in front, uses TLS."""
    forwarded = request.headers.getall("X-Forwarded-Proto", [""])[-1]
    return request.secure or (behind_proxy and forwarded.strip().lower() == "https")


def get_cookie(request: web.Request, name: str, *, https: bool) -> str | None:
    return request.cookies.get(_cookie_name(name, https=https)) or None


def set_cookie(
    response: web.StreamResponse, name: str, value: str, *, https: bool, seconds: int | None = None
) -> None:
    """HttpOnly, SameSite=Lax. ``seconds=None``: until the browser is closed."""
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
    """With this prefix browsers reject the cookie from another host or without TLS."""
    return f"__Host-{name}" if https else name
