"""What the headers of a request state about its body: media type and content coding."""

from aiohttp import web

from protocol.refusals.edge import UnsupportedCoding
from services.receiving.decompress import ACCEPTED, CODINGS


def media_type_essence(request: web.BaseRequest) -> str:
    """The Content-Type in lower case, without parameters; empty if there is none."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def body_coding(request: web.BaseRequest) -> str | None:
    """The Content-Encoding; None if the body is not encoded.

    Raises UnsupportedCoding for any other coding than one of CODINGS, and for several of them.
    """
    headers = request.headers.getall("Content-Encoding", ())
    codings = [header.strip().lower() for header in headers]
    if codings in ([], [""], ["identity"]):
        return None
    if len(codings) > 1 or codings[0] not in CODINGS:
        raise UnsupportedCoding(ACCEPTED)
    return codings[0]
