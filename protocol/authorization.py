"""Reading a bearer token out of a request: the one parser of the ``Authorization`` header."""

import re
from collections.abc import Sequence
from enum import Enum

from protocol.token_text import PUBLISHED_PATTERN

_TOKEN = re.compile(PUBLISHED_PATTERN)


class NoToken(Enum):
    """Why a request presents no token. Each service answers it in the words of its own contract."""

    MISSING = "no Authorization header with the scheme Bearer"
    SEVERAL = "more than one Authorization header: it is unknown which one is meant"
    IN_URL = "a token in the URL, where logs and proxies record it"


def bearer_token(raw_path: str, authorization: Sequence[str]) -> str | NoToken:
    """The token that a request presents, unverified: any text, possibly empty.

    ``raw_path`` is the request target as received, ``authorization`` the values of all headers of
    that name. A token of ours in the query is refused even if the header is right: it has leaked.
    """
    if "?" in raw_path and _TOKEN.search(raw_path):
        return NoToken.IN_URL
    if len(authorization) != 1:
        return NoToken.SEVERAL if authorization else NoToken.MISSING
    scheme, _, credentials = authorization[0].replace("\t", " ").partition(" ")
    # The original's reference tables print "Bearer:"; clients written from them are accepted (X5).
    if scheme != "Bearer" and scheme.removesuffix(":").lower() != "bearer":
        return NoToken.MISSING
    return credentials.strip()
