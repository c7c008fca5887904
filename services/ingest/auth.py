"""Reading the access token out of a request. Nothing here touches the database."""

import re
from collections.abc import Callable

from aiohttp import web

from protocol.refusals.edge import SeveralAuthorizations, TokenInUrl, TokenMangled, TokenMissing
from protocol.token_text import PUBLISHED_PATTERN, TokenShape, recognise_token, token_hash

_SCHEME = "bearer"
_TOKEN = re.compile(PUBLISHED_PATTERN)


def presented_hash(request: web.BaseRequest, *, known: Callable[[bytes], bool]) -> bytes:
    """SHA-256 of the access token in the request's one ``Authorization: Bearer`` header.

    ``known`` is asked whether some token has this hash: whoever presents that one has its form too.
    Raises TokenMissing, or TokenMangled when it is also of another kind: the database need not be
    asked. Raises SeveralAuthorizations, and TokenInUrl when a token, good or bad, stands in the
    query.
    """
    if "?" in request.raw_path and _TOKEN.search(request.raw_path):
        raise TokenInUrl
    values = request.headers.getall("Authorization", ())
    if len(values) != 1:
        raise SeveralAuthorizations if values else TokenMissing
    scheme, _, credentials = values[0].replace("\t", " ").partition(" ")
    # The reference tables of the original print "Bearer:"; who followed them is understood.
    if scheme != "Bearer" and scheme.removesuffix(":").lower() != _SCHEME:
        raise TokenMissing
    unverified = credentials.strip()
    if unverified.isascii() and known(hashed := token_hash(unverified)):
        return hashed
    if recognise_token(unverified, "at_") is not TokenShape.WELL_FORMED:
        raise TokenMangled
    return token_hash(unverified)
