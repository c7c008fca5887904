"""Read forms within limits, and only forms that our own pages sent (CSRF protection)."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Iterable
from uuid import UUID

from aiohttp import web
from multidict import MultiDict, MultiDictProxy
from yarl import URL

from events.ids import new_form_id
from services.tokens.limits import BODY_SECONDS_MAX
from services.tokens.refusals import ForeignForm

Form = MultiDictProxy[str]

NO_FORM: Form = MultiDictProxy(MultiDict())
_UNPAIRED_SURROGATE = re.compile("[\ud800-\udfff]")

CSRF_FIELD = "csrf_token"
FORM_ID_FIELD = "form_id"


async def read_form(request: web.Request, csrf_token: str) -> Form:
    """Raises ForeignForm, and aiohttp's errors for a body that is too large, slow or malformed."""
    origin = request.headers.get("Origin")
    if origin is not None and not _is_same_origin(origin, request):
        raise ForeignForm
    form = await _fields(request)
    given = form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), csrf_token.encode()):
        raise ForeignForm
    return form


async def _fields(request: web.Request) -> Form:
    # aiohttp writes multipart fields to temporary files.
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    if "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            posted = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, LookupError):  # the body is not in its charset, or the charset is unknown
        raise web.HTTPBadRequest from None
    fields = [(name, value) for name, value in posted.items() if isinstance(value, str)]
    require_storable(value for _, value in fields)
    return MultiDictProxy(MultiDict(fields))


def require_storable(texts: Iterable[str]) -> None:
    """Raise HTTPBadRequest for U+0000 and unpaired surrogates, which no text column can store."""
    if any(
        "\x00" in text or (not text.isascii() and _UNPAIRED_SURROGATE.search(text))
        for text in texts
    ):
        raise web.HTTPBadRequest


def _is_same_origin(origin: str, request: web.Request) -> bool:
    """``null``, which some browsers send from a frame or a file, is never the same origin."""
    try:
        named, own = URL(origin), URL(f"{request.scheme}://{request.host}")
    except ValueError:
        return False
    # The scheme may differ: a proxy in front may terminate TLS.
    return named.host == own.host and named.explicit_port == own.explicit_port


def one_time_form_id() -> str:
    """The id of a form that must not be executed twice."""
    return str(new_form_id())


def form_id_of(form: Form) -> UUID:
    """The form's one-time id; a new one if the field is missing or malformed."""
    try:
        return UUID(form.get(FORM_ID_FIELD, ""))
    except ValueError:
        return new_form_id()
