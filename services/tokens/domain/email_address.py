"""E-mail addresses: validation, and the normalized form in which they are compared. Pure."""

import re
import unicodedata

from services.tokens.limits import EMAIL_CHARACTERS_MAX
from services.tokens.refusals import EmailUnusable

# Only what every address has; opening a one-time link is what proves that it exists.
_FORM = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")


def normalize_email(typed: str) -> str:
    """NFKC, stripped, case-folded: addresses that differ only in case or form are the same."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def parse_email(typed: str) -> str:
    """Raises EmailUnusable."""
    email = normalize_email(typed)
    printable = all(character.isprintable() for character in email)
    if len(email) > EMAIL_CHARACTERS_MAX or not printable or not _FORM.fullmatch(email):
        raise EmailUnusable
    return email
