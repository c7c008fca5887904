"""Tokens as people give them: an id on the command line, a token's text on standard input only.

Other users of a machine can read command lines, so a token's text is never an argument.
"""

import argparse
import codecs
import getpass
import sys

ID_MAX = 2**31 - 1
# A token has 52 characters; more is read only to report that it is not one.
BYTES_MAX = 4_096
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def token_id(text: str) -> int:
    """An argparse type. Its error does not repeat the text, which may be a token."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(ID_MAX)):
        raise argparse.ArgumentTypeError(
            "must be an id, a whole number; give a token's text to `audit trace` or `tokens check`"
            " on standard input, never as an argument, where others can read it"
        )
    if int(text) > ID_MAX:
        raise argparse.ArgumentTypeError(f"must be an id of at most {ID_MAX}")
    return int(text)


def read_unverified_token(prompt: str) -> str:
    """From standard input or a prompt, without surrounding space; understands Windows' BOMs."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt).strip()
    raw = sys.stdin.buffer.read(BYTES_MAX)
    encoding = "utf-16" if raw.startswith(_UTF_16) else "utf-8-sig"
    return raw.decode(encoding, "replace").strip()
