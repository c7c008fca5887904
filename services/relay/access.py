"""Who may call a relay: whoever knows its secret, or, where it has none, what runs beside it."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from protocol.refusals.edge import TokenUnknown
from protocol.refusals.relay import ForeignCaller
from services.runtime.config import Secret


def check_caller(request: web.Request, secret: Secret | None) -> None:
    """Raises TokenUnknown; where there is no secret, ForeignCaller.

    Any web page can have a browser on this machine call a loopback address, and read the answers
    under a name that leads there. It can't change ``Host``, nor leave out ``Origin`` with a POST.
    What has no ``Host`` is no browser.
    """
    if secret is not None:
        if not _has_secret(request, secret):
            raise TokenUnknown
        return
    host = request.headers.get("Host")
    if "Origin" in request.headers or not (host is None or _names_this_machine(host)):
        raise ForeignCaller


def is_this_machine(name: str) -> bool:
    """A name or an address, without a port."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _names_this_machine(host: str) -> bool:
    try:
        return is_this_machine(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def _has_secret(request: web.Request, secret: Secret) -> bool:
    """Sent where a token would be: clients know no other place."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # Bytes that are no UTF-8 stand in a header as surrogates.
    given_bytes = given.strip().encode("utf-8", "surrogateescape")
    same = hmac.compare_digest(given_bytes, secret.reveal().encode())
    return same and scheme.removesuffix(":").lower() == "bearer"
