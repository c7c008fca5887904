"""Words that a newcomer could not guess are gone; gone_words.toml has what to use instead."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from tests.house.sources import said
from tests.house.words import Line, Name, product_names, prose

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "gone_words.toml").read_text())
EXEMPT_NAMES = [tuple(each.split(": ", 1)) for each in TABLE["exempt"]["names"]]
EXEMPT_LINES = [tuple(each.split(": ", 1)) for each in TABLE["exempt"]["lines"]]


def _pattern(words: dict[str, str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    parts = [re.escape(word).replace(r"\*", r"\w*") for word in longest_first]
    # `history begin-anew` is the name of a command.
    return re.compile(rf"(?<![\w.])(?<!begin-)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)


GONE_NAMES = _pattern(TABLE["names"])
GONE_PROSE = _pattern(TABLE["prose"])


def _instead(found: str, words: dict[str, str]) -> str:
    found = found.lower()
    stems = (word for word in words if word.endswith("*") and found.startswith(word[:-1]))
    return words[found if found in words else next(stems)]


def names_with_gone_words() -> list[tuple[Name, str]]:
    return [
        (name, f"{name.path}:{name.line}: {name.text}: {word} → {_instead(word, TABLE['names'])}")
        for name in product_names()
        if not _is_exempt(name)
        for word in name.words
        if GONE_NAMES.fullmatch(word)
    ]


def lines_with_gone_words() -> list[tuple[Line, str]]:
    return [
        (line, f"{line.path}:{line.number}: {match[0]} → {_instead(match[0], TABLE['prose'])}")
        for line in prose()
        for match in GONE_PROSE.finditer(line.text)
        if not any(str(line.path) == path and part in line.text for path, part in EXEMPT_LINES)
    ]


def _is_exempt(name: Name) -> bool:
    return any(
        name.path.is_relative_to(folder) and name.text == text for folder, text in EXEMPT_NAMES
    )


def test_no_name_has_a_word_that_is_gone() -> None:
    found = [text for _, text in names_with_gone_words()]

    assert not found, said(found)


def test_no_sentence_has_a_word_that_is_gone() -> None:
    found = [text for _, text in lines_with_gone_words()]

    assert not found, said(found)
