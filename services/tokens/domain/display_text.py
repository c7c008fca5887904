"""Validation of texts that people enter and that are displayed later. Pure."""

import re
import unicodedata
from datetime import datetime

from protocol.token_text import PUBLISHED_PATTERN
from services.tokens.limits import PAUSED_AT_CHARACTERS_MAX

# Python's parser takes any character between date and time.
_TIMESTAMP_CHARACTERS = re.compile(r"[0-9TZW:.,+ -]+")
_TOKEN = re.compile(PUBLISHED_PATTERN)
# Control characters, lone surrogates, line and paragraph separators. A text column cannot store
# U+0000, which is among them.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Bidirectional controls reorder the text after them: a name must not rewrite the sentence that
# contains it. Right-to-left scripts do not need them.
_BIDI_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def is_displayable(text: str, *, characters_max: int) -> bool:
    """One line, visible, and without a token: the text may be shown to many, and permanently."""
    categories = {unicodedata.category(character) for character in text}
    return (
        len(text) <= characters_max
        and any(category[0] not in "CZ" for category in categories)
        and not categories & _FORBIDDEN_CATEGORIES
        and not any(unicodedata.bidirectional(character) in _BIDI_CONTROLS for character in text)
        and not _TOKEN.search(text)
    )


def is_timestamp(text: str) -> bool:
    """ISO 8601, at most 64 characters; with or without an offset, past or future."""
    folded = text.upper()
    if len(text) > PAUSED_AT_CHARACTERS_MAX or not _TIMESTAMP_CHARACTERS.fullmatch(folded):
        return False
    try:
        datetime.fromisoformat(folded)
    except ValueError:
        return False
    return True
