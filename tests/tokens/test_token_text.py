import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.token_text import (
    PUBLISHED_PATTERN,
    Prefix,
    TokenShape,
    last_four,
    recognise_token,
    token_hash,
    token_text,
)
from services.tokens.use_cases.new_tokens import new_token

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# If these change, every token that was ever handed out turns mangled, or unknown.
GOLDEN = [
    ("at_", 0, "at_00000000000000000000000000000000000000000002FI1cV"),
    ("ac_", 0, "ac_00000000000000000000000000000000000000000002uxloV"),
    ("at_", 2**256 - 1, "at_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13pSCYh"),
]
GOLDEN_HASH = "13b63c128ff6dd8b771259e29cb1b2e0a4c9e3810d67bdac209a57282bd16a03"

randomness = st.integers(min_value=0, max_value=2**256 - 1)
prefixes: st.SearchStrategy[Prefix] = st.sampled_from(["at_", "ac_"])


@given(randomness, prefixes)
def test_what_was_made_is_recognised(number: int, prefix: Prefix) -> None:
    text = token_text(prefix, number)

    assert recognise_token(text, prefix) is TokenShape.WELL_FORMED
    assert re.fullmatch(PUBLISHED_PATTERN, text)


@given(randomness, st.integers(min_value=3, max_value=51), st.sampled_from(ALPHABET))
def test_one_changed_character_is_noticed(number: int, place: int, character: str) -> None:
    text = token_text("at_", number)
    changed = text[:place] + character + text[place + 1 :]

    expected = TokenShape.WELL_FORMED if changed == text else TokenShape.MANGLED
    assert recognise_token(changed, "at_") is expected


@given(randomness, st.integers(min_value=3, max_value=50))
def test_two_swapped_characters_are_noticed(number: int, place: int) -> None:
    text = token_text("at_", number)
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]

    expected = TokenShape.WELL_FORMED if swapped == text else TokenShape.MANGLED
    assert recognise_token(swapped, "at_") is expected


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert recognise_token(text, "at_") is not TokenShape.WELL_FORMED
    assert recognise_token("at_" + text, "at_") is not TokenShape.WELL_FORMED


@pytest.mark.parametrize("kind", ["ac_", "oc_", "AT_", "", " at_"])
def test_another_kind_of_token_is_not_ours(kind: str) -> None:
    text = kind + token_text("at_", 1)[3:]

    assert recognise_token(text, "at_") is TokenShape.NOT_OURS


def test_an_access_token_does_not_become_a_connect_token_by_its_prefix() -> None:
    text = "ac_" + token_text("at_", 1)[3:]

    assert recognise_token(text, "ac_") is TokenShape.MANGLED


@pytest.mark.parametrize(
    "mangle",
    [str.lower, lambda text: text + " ", lambda text: text + "\n", lambda text: text[:-1]],
    ids=["lower case", "trailing blank", "trailing newline", "cut"],
)
def test_a_mangled_token_is_not_mended(mangle: Callable[[str], str]) -> None:
    text = token_text("at_", 2**255 + 12_345)

    assert recognise_token(mangle(text), "at_") is TokenShape.MANGLED


@pytest.mark.parametrize(("prefix", "number", "text"), GOLDEN)
def test_the_text_of_a_token_never_changes(prefix: Prefix, number: int, text: str) -> None:
    assert token_text(prefix, number) == text


def test_the_hash_of_a_token_never_changes() -> None:
    assert token_hash(GOLDEN[2][2]).hex() == GOLDEN_HASH


@pytest.mark.parametrize("number", [-1, 2**256])
def test_randomness_of_another_size_makes_no_token(number: int) -> None:
    with pytest.raises(ValueError, match="256 bits"):
        token_text("at_", number)


def test_no_two_tokens_are_alike() -> None:
    texts = {new_token("at_").text for _ in range(1_000)}

    assert len(texts) == 1_000


def test_a_new_token_does_not_print_its_text() -> None:
    token = new_token("at_")

    assert token.text not in f"{token} {token!r}"
    assert token.last_four == last_four(token.text) == token.text[-4:]
    assert token.hash_hex == token_hash(token.text).hex()
