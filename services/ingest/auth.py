"""Reading the access token out of a request. Nothing here queries the database."""

from collections.abc import Callable

from aiohttp import web

from protocol.authorization import NoToken, bearer_token
from protocol.refusals.edge import SeveralAuthorizations, TokenInUrl, TokenMangled, TokenMissing
from protocol.token_text import TokenShape, recognise_token, token_hash

_REFUSALS = {
    NoToken.MISSING: TokenMissing,
    NoToken.SEVERAL: SeveralAuthorizations,
    NoToken.IN_URL: TokenInUrl,
}


def presented_token_hash(request: web.BaseRequest, *, is_known: Callable[[bytes], bool]) -> bytes:
    """SHA-256 of the access token that the request presents.

    ``is_known`` says whether a token with this hash exists; such a token is well formed, so its
    checksum is not computed again. Raises TokenMissing, SeveralAuthorizations, TokenInUrl, or
    TokenMangled for a token that cannot exist, so that the database need not be queried.
    """
    unverified = bearer_token(request.raw_path, request.headers.getall("Authorization", ()))
    if isinstance(unverified, NoToken):
        raise _REFUSALS[unverified]
    if unverified.isascii() and is_known(hashed := token_hash(unverified)):
        return hashed
    if recognise_token(unverified, "at_") is not TokenShape.WELL_FORMED:
        raise TokenMangled
    return token_hash(unverified)
