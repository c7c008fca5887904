"""Wire contract 6.3: orjson's traps, each closed; hostile inputs 1 to 8 and 10."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.json_text import (
    may_contain_big_integers,
    may_contain_long_decimals,
    parse,
    parse_lossless,
)
from protocol.refusals.edge import MalformedBody, TooManyContainers


@pytest.mark.parametrize(
    "number",
    [0, 2**53 + 1, 2**63 - 1, 2**64 - 1, 2**64, 2**70, -(2**63), -(2**63) - 1, 10**4_000],
)
def test_every_integer_is_exact(number: int) -> None:
    [value] = parse_lossless(f"[{number}]".encode())

    assert (type(value), value) == (int, number)


def test_an_integer_and_a_fraction_stay_two_types() -> None:
    assert [type(value) for value in parse_lossless(b"[1,1.0,1e0,-0]")] == [int, float, float, int]


@pytest.mark.parametrize("written", ["1e400", "-1E+400", "1.5e309", "9" * 400 + ".5"])
def test_a_number_beyond_a_double_keeps_its_digits(written: str) -> None:
    assert parse(f"[{written},1]".encode()) == [Decimal(written), 1]


def test_an_integer_of_four_hundred_digits_is_exact() -> None:
    """Orjson calls it infinite."""
    assert parse(b"[" + b"9" * 400 + b"]") == [10**400 - 1]


def test_an_integer_too_long_for_python_is_a_decimal() -> None:
    [value] = parse(b"[" + b"9" * 4_301 + b"]")

    assert isinstance(value, Decimal)
    assert value == Decimal("9" * 4_301)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e99999999999999999999", "1E+999999"),
        ("-1e99999999999999999999", "-1E+999999"),
        ("1e-99999999999999999999", "0"),
    ],
)
def test_an_exponent_beyond_decimal_stays_out_of_range_or_nothing(written: str, value: str) -> None:
    assert parse_lossless(f"[{written}]".encode(), decimals=True) == [Decimal(value)]


def test_a_number_that_only_looks_infinite_is_read_as_it_is() -> None:
    zeros = "0" * 400
    body = f'["1e400",1.{zeros}1,0.{zeros}1e400,1e-400]'

    assert parse(body.encode()) == ["1e400", 1.0, 0.1, 0.0]


def test_decimals_are_exact_where_they_are_asked_for() -> None:
    body = b'{"a":12345678901234567890.12,"b":12.340,"c":1}'

    assert str(parse_lossless(body, decimals=True)) == (
        "{'a': Decimal('12345678901234567890.12'), 'b': Decimal('12.340'), 'c': 1}"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1,]",
        b'{"a":1,}',
        b"[1]//",
        b"['a']",
        b"\xef\xbb\xbf[]",
        b"[01]",
        b"[1.]",
        b"[.5]",
        b"[+1]",
        b"[1][2]",
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b'["\xc0\x80"]',
        b'["\n"]',
        b'["\\x"]',
        b"[" * 2_000 + b"]" * 2_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_is_refused_with_and_without_a_huge_number(body: bytes) -> None:
    """The parser that keeps digits is as strict as the one that does not."""
    for text in (body, b"[1e400," + body + b"]"):
        with pytest.raises(MalformedBody):
            parse_lossless(text)


@pytest.mark.parametrize(
    "number", ["1e400.5", "01e400", "1.e400", "1e400e5", "1e+-400", "-" + "0" * 400, "1e400a"]
)
def test_a_huge_number_that_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(MalformedBody):
        parse(f"[{number}]".encode())


def test_of_equal_keys_the_last_wins_whichever_parser_reads() -> None:
    body = b'{"a":1,"b":2,"\\u0061":3}'
    exact = b'{"a":1,"b":2,"\\u0061":18446744073709551616}'

    assert list(parse(body).items()) == [("a", 3), ("b", 2)]
    assert list(parse_lossless(exact).items()) == [("a", 2**64), ("b", 2)]


def test_the_deepest_that_one_parser_reads_the_other_does_not_fail_on() -> None:
    """Nothing as deep is accepted; what matters is that the check of the nesting sees it."""
    body = b"[1e400," + b"[" * 1_000 + b"]" * 1_000 + b"]"

    assert isinstance(parse(body), list)


def test_many_containers_are_refused_before_they_cost_memory() -> None:
    """18 MB of it took 3.8 seconds and 580 MB."""
    with pytest.raises(TooManyContainers):
        parse(b"[" + b"[]," * 6_000_000 + b"[]]")
    with pytest.raises(TooManyContainers):
        parse(b"{" * 19_000_000)


def test_brackets_inside_of_strings_are_no_containers() -> None:
    body = b'["' + b'[{\\"' * 600_000 + b'"]'

    assert parse(body) == ['[{"' * 600_000]


def test_more_huge_numbers_than_anybody_sends_are_refused() -> None:
    with pytest.raises(MalformedBody):
        parse(b"[" + b"1e400," * 1_001 + b"1]")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_both_parsers_read_the_same(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    expected = json.loads(body)

    assert parse_lossless(body) == expected
    assert parse_lossless(b"[1e400," + body + b"]")[1] == expected
    assert may_contain_big_integers(body) or parse(body) == expected


@given(st.text(st.sampled_from('[]{},:"\\0123456789.eE+-u \n"tfn'), max_size=30))
def test_a_huge_number_beside_changes_nothing_of_what_is_taken(text: str) -> None:
    """Strictness does not depend on which parser reads the values."""
    plain = b"[1,[" + text.encode() + b"]]"
    huge = b"[1e400,[" + text.encode() + b"]]"

    assert (_read(plain) is None) == (_read(huge) is None)


def _read(body: bytes) -> Any:
    try:
        return parse(body)
    except MalformedBody:
        return None


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_what_is_not_held_for_long_a_double_gives_back(number: Decimal) -> None:
    body = f"[{number:f}]".encode()

    assert may_contain_long_decimals(body) or Decimal(repr(orjson.loads(body)[0])) == number
