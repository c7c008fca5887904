"""One line on a terminal that tells how far a push is; nothing anywhere else."""

import sys
from collections.abc import Iterator

from cli.pushing.records import Unusable
from cli.pushing.requests import Request
from services.runtime.clock import Clock

Items = Iterator[Request | Unusable]

EVERY_SECONDS = 0.2


def with_progress(
    items: Iterator[Request | Unusable], clock: Clock
) -> Iterator[Request | Unusable]:
    """The same items. What has been read is told; the account at the end tells what is in."""
    if not sys.stderr.isatty():
        yield from items
        return
    began = told = clock.monotonic()
    records = 0
    try:
        for item in items:
            records += 1 if isinstance(item, Unusable) else item.records
            now = clock.monotonic()
            if now - told >= EVERY_SECONDS:
                told = now
                rate = records / (now - began)
                sys.stderr.write(f"\r\033[K{records:,} records read, {rate:,.0f}/s")
                sys.stderr.flush()
            yield item
    finally:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
