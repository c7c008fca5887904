"""What the headers of a request say of its body."""

from aiohttp import web

from protocol.refusals.edge import UnsupportedCoding
from services.receiving.decompress import ACCEPTED, CODINGS


def media_type_essence(request: web.BaseRequest) -> str:
    """In lower case, without parameters; empty when nothing is said."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def body_coding(request: web.BaseRequest) -> str | None:
    """None when the body is sent as it is. Raises UnsupportedCoding, for two of them too."""
    headers = request.headers.getall("Content-Encoding", ())
    codings = [header.strip().lower() for header in headers]
    if codings in ([], [""], ["identity"]):
        return None
    if len(codings) > 1 or codings[0] not in CODINGS:
        raise UnsupportedCoding(ACCEPTED)
    return codings[0]
