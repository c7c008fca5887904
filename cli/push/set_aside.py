"""What stands in an entry that was set aside: its records, each as it was sent."""

import json
from collections.abc import Iterator

import orjson

from pushgate_client import Entry
from pushgate_client.sending.splitting import each_record


def members_of(entry: Entry) -> Iterator[bytes]:
    """Each record as it was sent, on one line; a text where what was sent is no JSON."""
    for part in each_record(entry) or [entry]:
        yield _on_one_line(part.body)


def _on_one_line(body: bytes) -> bytes:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.dumps(body.decode("utf-8", "replace")).encode()
    # Within a JSON string neither of them can stand.
    return body.replace(b"\n", b" ").replace(b"\r", b" ")
