"""How much an outbox may hold: an option of `push` and `relay`."""

import argparse

from pushgate_client.limits import OUTBOX_BYTES_MAX

# Enough for a few bodies of the largest size.
OUTBOX_BYTES_MIN = 100_000_000


def add_outbox_bytes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--outbox-bytes",
        metavar="N",
        type=_bytes,
        default=OUTBOX_BYTES_MAX,
        help=f"how much the outbox may hold; default: {OUTBOX_BYTES_MAX:,}",
    )


def _bytes(text: str) -> int:
    if not text.isdecimal() or int(text) < OUTBOX_BYTES_MIN:
        raise argparse.ArgumentTypeError(f"a number, at least {OUTBOX_BYTES_MIN:,}, got {text!r}")
    return int(text)
