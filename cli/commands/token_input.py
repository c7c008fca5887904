"""A token's text as a person hands it over: on standard input or at a prompt."""

import codecs
import getpass
import sys

# A token has 52 characters; more is read only to say that it is none.
BYTES_MAX = 4_096
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_unverified_token(prompt: str) -> str:
    """Without the space around it; a mark that Windows puts in front says how it is written."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt).strip()
    raw = sys.stdin.buffer.read(BYTES_MAX)
    encoding = "utf-16" if raw.startswith(_UTF_16) else "utf-8-sig"
    return raw.decode(encoding, "replace").strip()
