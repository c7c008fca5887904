"""Who may call a relay: holders of its secret or, without one, programs on the same machine."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from protocol.authorization import NoToken, bearer_token
from protocol.refusals.edge import SeveralAuthorizations, TokenInUrl, TokenUnknown
from protocol.refusals.relay import ForeignCaller
from services.runtime.config import Secret


def check_caller(request: web.Request, secret: Secret | None) -> None:
    """Decides by the secret or, without one, by the machine that the request comes from.

    Raises TokenUnknown for a caller without the secret. Without a secret the token is not looked
    at; a request that a web page may have made raises ForeignCaller: any page can have a browser
    on this machine call a loopback address, and read the answers under a name that resolves to it.
    It can change neither ``Host`` nor leave out ``Origin`` in a POST; a caller that sends no
    ``Host`` is no browser. Raises SeveralAuthorizations and TokenInUrl in both cases, as the gate
    would.
    """
    presented = bearer_token(request.raw_path, request.headers.getall("Authorization", ()))
    if presented is NoToken.SEVERAL:
        raise SeveralAuthorizations
    if presented is NoToken.IN_URL:
        raise TokenInUrl
    if secret is not None:
        if presented is NoToken.MISSING or not _is_secret(presented, secret):
            raise TokenUnknown
        return
    host = request.headers.get("Host")
    if "Origin" in request.headers or not (host is None or _names_this_machine(host)):
        raise ForeignCaller


def is_this_machine(name: str) -> bool:
    """A host name or an address, without a port."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _names_this_machine(host: str) -> bool:
    try:
        return is_this_machine(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def _is_secret(presented: str, secret: Secret) -> bool:
    # In a header, bytes that are not UTF-8 are represented as surrogates.
    presented_bytes = presented.encode("utf-8", "surrogateescape")
    return hmac.compare_digest(presented_bytes, secret.reveal().encode())
