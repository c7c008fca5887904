"""E-mail addresses as people type them, and as they are compared. Pure."""

import re
import unicodedata

from services.tokens.limits import EMAIL_CHARACTERS_MAX
from services.tokens.refusals import EmailUnusable

# Only what no address can be without; whether it exists a link that was opened tells.
_FORM = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")


def normalize_email(typed: str) -> str:
    """One address, one text: two that differ in case or form only would be two people's."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def parse_email(typed: str) -> str:
    """Raises EmailUnusable."""
    email = normalize_email(typed)
    printable = all(character.isprintable() for character in email)
    if len(email) > EMAIL_CHARACTERS_MAX or not printable or not _FORM.fullmatch(email):
        raise EmailUnusable
    return email
