"""The gate's address, as somebody wrote it down."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_PATHS_OF_ITS_OWN = ("/v2/import/push", "/v2/import/batch")


def gate_address(url: str) -> str:
    """Without a slash at its end. Raises ValueError for what no request can be sent to."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "The gate's address must begin with http:// or https:// and name a host, as in"
            " https://push.example.com:8801."
        )
    if "@" in parts.netloc:
        raise ValueError("The gate's address holds no user name and no password: it has a token.")
    if parts.query or parts.fragment:
        raise ValueError("The gate's address ends before any ? or #.")
    address = url.rstrip("/")
    for path in _PATHS_OF_ITS_OWN:
        if address.endswith(path):
            raise ValueError(f"The gate's address ends before {path}: leave that out.")
    return address


def _split(url: str) -> SplitResult | None:
    if not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is looked at when it is asked for
    except ValueError:
        return None
    return parts
