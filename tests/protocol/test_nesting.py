"""Wire contract section 3: levels and data points, found for the right record."""

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.nesting import Excess, first_excess, within_limits
from tests.wire.bodies import nested, text

VALUES = st.recursive(
    st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)

MANY = {"list": [1] * 10_001}


def test_a_flat_dict_is_not_tracked_and_a_nested_one_is() -> None:
    """The shortcut for flat data stands on this; without it every record costs more."""
    flat: dict[str, Any] = {"a": 1, "b": "c"}
    deep: dict[str, Any] = {"a": {}}

    assert [gc.is_tracked(dict(flat)), gc.is_tracked(dict(deep))] == [False, True]


@pytest.mark.parametrize(
    ("datas", "found"),
    [
        ([], None),
        ([{}], None),
        ([nested(100)], None),
        ([{"a": 1}, nested(101)], (1, Excess.LEVELS)),
        ([{"a": []}, MANY, nested(101)], (1, Excess.POINTS)),
        ([nested(101), MANY], (0, Excess.LEVELS)),
        ([{"a": [1] * 10_000}] * 30, None),
        ([{"a": [1] * 10_000}] * 30 + [MANY], (30, Excess.POINTS)),
        ([{"deep": nested(101), **MANY}], (0, Excess.LEVELS)),
        ([{"a": [[]] * 20_000, "b": {"c": {}}}], None),
        ([dict.fromkeys(map(str, range(10_001)))], (0, Excess.POINTS)),
        ([{"a": []}, dict.fromkeys(map(str, range(10_001)))], (1, Excess.POINTS)),
    ],
)
def test_finds_the_first_record_that_is_too_much(
    datas: list[dict[str, Any]], found: tuple[int, Excess] | None
) -> None:
    assert first_excess(datas) == found
    assert within_limits(datas) == (found is None)


def points_of(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(points_of, value.values()))
    return sum(map(points_of, value)) if isinstance(value, list) else 1


@given(
    st.lists(st.dictionaries(st.text(max_size=2), VALUES, max_size=3), max_size=5),
    st.integers(9_990, 10_005),
)
def test_counts_as_a_plain_recursion_does(datas: list[dict[str, Any]], added: int) -> None:
    datas.append({"list": [0] * added, "more": {"a": 1}})
    expected = next((i for i, data in enumerate(datas) if points_of(data) > 10_000), None)
    found = first_excess(datas)

    assert (found[0] if found else None) == expected


def test_what_is_nested_too_deeply_for_any_recursion_is_looked_at() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]

    assert first_excess([{"a": value}]) == (0, Excess.LEVELS)


def test_the_sample_for_nesting_has_as_many_levels_as_it_says() -> None:
    opened = text(nested(100)).count(b"[") + text(nested(100)).count(b"{")

    assert opened == 100
