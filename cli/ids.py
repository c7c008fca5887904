"""Ids on the command line, where a token's text may be given by mistake."""

import argparse

ID_MAX = 2**31 - 1


def token_id(text: str) -> int:
    """What argparse tells of a text that is no id does not hold it: it may be a token."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(ID_MAX)):
        raise argparse.ArgumentTypeError(
            "is an id, a whole number; a token's text goes to the standard input of `audit trace`"
            " or `tokens check`, and never here, where others can read it"
        )
    if int(text) > ID_MAX:
        raise argparse.ArgumentTypeError(f"is an id of at most {ID_MAX}")
    return int(text)
