"""Runs in the client's environment: pushes what it reads, and writes the error it ends with.

Standard input: a Python expression, a dict with ``url``, ``token``, ``client_id``, ``messages``.
"""

import collections
import collections.abc
import datetime as dt
import decimal
import sys
import uuid

# stitchclient 1.0.1 looks for these where Python 3.10 and later do not have them.
for _name in ("MutableMapping", "Mapping", "Hashable"):
    if not hasattr(collections, _name):
        setattr(collections, _name, getattr(collections.abc, _name))

from stitchclient.client import Client  # type: ignore[import-not-found]  # noqa: E402 - after what it needs

NAMES = {"datetime": dt, "Decimal": decimal.Decimal, "UUID": uuid.UUID}


def main() -> None:
    # JSON has none of these values.
    orders = eval(sys.stdin.read(), NAMES)  # noqa: S307 - what it reads is a test's
    try:
        with Client(
            orders["client_id"], orders["token"], override_stitch_url=orders["url"]
        ) as client:
            for number, message in enumerate(orders["messages"]):
                client.push(message, number)
    except RuntimeError as error:
        sys.stdout.write(f"RuntimeError: {error}\n")


if __name__ == "__main__":
    main()
