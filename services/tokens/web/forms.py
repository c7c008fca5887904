"""Forms: read within limits, and taken only when they are our own."""

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
_UNPAIRED = re.compile("[\ud800-\udfff]")

FORM_KEY_FIELD = "form_key"
FORM_ID_FIELD = "form_id"


async def read_form(request: web.Request, form_key: str) -> Form:
    """Raises ForeignForm, and what aiohttp answers to a body that is too large, slow or strange."""
    origin = request.headers.get("Origin")
    if origin is not None and not _is_same_origin(origin, request):
        raise ForeignForm
    form = await _fields(request)
    given = form.get(FORM_KEY_FIELD, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), form_key.encode()):
        raise ForeignForm
    return form


async def _fields(request: web.Request) -> Form:
    # Others (multipart) would be put into files.
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    if "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            posted = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, LookupError):  # not in the encoding it names, or in one that is none
        raise web.HTTPBadRequest from None
    fields = [(name, value) for name, value in posted.items() if isinstance(value, str)]
    require_storable(value for _, value in fields)
    return MultiDictProxy(MultiDict(fields))


def require_storable(texts: Iterable[str]) -> None:
    """No text column takes U+0000 or half of a character; no keyboard makes them either."""
    if any("\x00" in text or (not text.isascii() and _UNPAIRED.search(text)) for text in texts):
        raise web.HTTPBadRequest


def _is_same_origin(origin: str, request: web.Request) -> bool:
    """``null``, as some browsers send from a frame or a file, is nobody's."""
    try:
        named, own = URL(origin), URL(f"{request.scheme}://{request.host}")
    except ValueError:
        return False
    # Without the scheme: a proxy speaks TLS for us.
    return named.host == own.host and named.explicit_port == own.explicit_port


def new_form_id_text() -> str:
    """For a form that may be carried out once."""
    return str(new_form_id())


def form_id_of(form: Form) -> UUID:
    """Of a form that has none a new one: it was not sent by our page."""
    try:
        return UUID(form.get(FORM_ID_FIELD, ""))
    except ValueError:
        return new_form_id()
