"""The canary of the whole run: no token's text may stand in what any test leaves behind.

A token carries a checksum, so that every one of them is known when it is seen, whichever test
made it. Looked at: what each test printed and logged, files of its own directories and of its
server, and every row of its databases before they go. ``tests/deploy/test_watching.py`` adds
answers and metrics of a whole system, ``tests/compose`` everything of the containers.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from pathlib import Path

from asyncpg import Connection, Record

from protocol.token_text import PUBLISHED_PATTERN, Prefix, TokenShape, recognise_token

# The published pattern, also where something stands directly before it, as in "%20at_…".
_TOKEN = re.compile(PUBLISHED_PATTERN.removeprefix(r"\b").removesuffix(r"\b"))
_PREFIXES: dict[str, Prefix] = {"at": "at_", "ac": "ac_"}
# Bytes are shown in hexadecimal.
_IN_HEXADECIMAL = re.compile(r"61(?:74|63)5f(?:[0-9a-f]{2}){49}")

# What a row is asked for; whether it really is a token is seen to here.
LOOKS_LIKE_ONE = "a[tc]_[0-9A-Za-z]{49}|61(74|63)5f"

# One question for all tables: the first writes the second.
_EVERY_TABLE = """
SELECT string_agg(format(
           'SELECT %L AS name, t::text AS row FROM %s t WHERE t::text ~ %L',
           c.oid::regclass, c.oid::regclass, $1::text), ' UNION ALL ')
  FROM pg_class c
 WHERE c.relkind = 'r' AND c.relnamespace NOT IN
       ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""


class TokenLeft(AssertionError):
    """The text of a token stands where it must not."""


def tokens_in(text: str) -> set[str]:
    """Well formed ones; a made-up text of the same shape has another checksum."""
    hidden = {
        binascii.unhexlify(match).decode("latin-1") for match in _IN_HEXADECIMAL.findall(text)
    }
    found = {*_TOKEN.findall(text), *hidden}
    return {
        one for one in found if recognise_token(one, _PREFIXES[one[:2]]) is TokenShape.WELL_FORMED
    }


async def refuse_tokens_in_rows(connection: Connection[Record]) -> None:
    question = await connection.fetchval(_EVERY_TABLE, LOOKS_LIKE_ONE)
    rows = await connection.fetch(question) if question else []
    if places := {row["name"] for row in rows if tokens_in(row["row"])}:
        raise TokenLeft(f"a token's text stands in {sorted(places)}")


def refuse_tokens_in_files(paths: Iterable[Path]) -> None:
    """Also in those that are no text."""
    places = [path for path in paths if path.is_file() and tokens_in(path.read_text("latin-1"))]
    if places:
        raise TokenLeft(f"a token's text stands in {sorted(map(str, places))}")
