"""A record in `_sdc_rejected` can be read, and pushed again as it is."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.bodies import parse_push_lossless
from protocol.exact_values import ExactDecimal, Tagged, Timestamp
from services.loader.parsing.record_text import text_of
from tests.loader.gate import Gate

JSON, TRANSIT = "application/json", "application/transit+json"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["~", "^", "`", "~#a", "^ ", "^0", "~:k", "~m1"]
)
BEYOND_DOUBLES = st.sampled_from([Decimal("1e400"), Decimal("-1E+999")])
JSON_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | BEYOND_DOUBLES
    | TEXTS
)
TRANSIT_SCALARS = (
    JSON_SCALARS
    | st.sampled_from([float("inf"), float("-inf")])
    | st.decimals(allow_nan=False, allow_infinity=False).map(ExactDecimal)
    # Milliseconds of any year, and microseconds where a year has four digits.
    | st.integers(-(10**15), 10**15).map(lambda n: Timestamp(n * 1000))
    | st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999).map(Timestamp)
)


def records(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(TEXTS, scalars, max_size=2)
    return st.dictionaries(TEXTS, values | st.lists(values, max_size=2), max_size=3)


def read_again(record: dict[str, Any], media_type: str) -> Any:
    text = text_of(record, transit=media_type == TRANSIT)
    return parse_push_lossless(f"[{text}]".encode(), media_type)[0]


@given(records(JSON_SCALARS))
def test_what_came_as_json_reads_back_as_it_was(record: dict[str, Any]) -> None:
    assert repr(read_again(record, JSON)) == repr(record)


@given(records(TRANSIT_SCALARS | st.builds(Tagged, st.just("link"), st.lists(TEXTS))))
def test_what_came_as_transit_reads_back_as_it_was(record: dict[str, Any]) -> None:
    assert repr(read_again(record, TRANSIT)) == repr(record)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Timestamp(1_500_000_000_000_000), "~t2017-07-14T02:40:00Z"),
        (Timestamp(92_243_180_160_000_000_000), "~m92243180160000000"),
        (ExactDecimal("1.50"), "~f1.50"),
        (Decimal("1e400"), "~d1e400"),
        (2**53, 2**53),
        (2**53 + 1, "~i9007199254740993"),
        (2**63, "~n9223372036854775808"),
        ("~home", "~~home"),
        (Tagged("cmap", [[1], 2]), {"~#cmap": [[1], 2]}),
    ],
)
def test_transit_is_in_words_that_people_know(value: Any, text: Any) -> None:
    assert orjson.loads(text_of({"x": value}, transit=True)) == {"x": text}


async def test_a_rejected_record_of_a_transit_push_is_told_in_transit(gate: Gate) -> None:
    body = (
        b'[["^ ","client_id",7,"table_name","t","sequence",1,"action","upsert","key_names",["id"],'
        b'"data",["^ ","~:id",1,"~:at","~m1500000000000","price","~f1.50","zip__st",1]]]'
    )
    await gate.write("push", body, {"t": 1}, media_type=TRANSIT)

    await gate.load()

    ((_, _, record),) = await gate.rejected()
    assert record == '{"id":1,"at":"~t2017-07-14T02:40:00Z","price":"~f1.50","zip__st":1}'
