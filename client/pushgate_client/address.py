"""Check the address of the gate."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_IMPORT_PATHS = ("/v2/import/push", "/v2/import/batch")


def gate_address(url: str) -> str:
    """``url`` without a slash at its end. Raises ValueError if no request can be sent to it."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "The gate's address must begin with http:// or https:// and name a host, such as"
            " https://push.example.com:8801."
        )
    if "@" in parts.netloc:
        raise ValueError(
            "The gate's address must have no user name or password. Pass the token separately."
        )
    if parts.query or parts.fragment:
        raise ValueError("The gate's address must have no query (?) or fragment (#).")
    address = url.rstrip("/")
    for path in _IMPORT_PATHS:
        if address.endswith(path):
            raise ValueError(f"The gate's address must not end with {path}. Leave that out.")
    return address


def _split(url: str) -> SplitResult | None:
    if not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return None
    return parts
