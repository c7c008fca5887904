"""Wire contract section 6: transit, compact and verbose."""

from decimal import Decimal
from math import isnan
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.exact_values import ExactDecimal, Tagged, Timestamp
from protocol.refusals.edge import MalformedBody, TooManyContainers
from protocol.transit import CODES, decode
from tests.protocol.transit_writer import Set, Written, compact, plain, verbose
from tests.wire.cases import CASES

INSTANT = Timestamp(1_578_950_703_123_000)


def data_of(case_name: str) -> Any:
    body = next(case.body for case in CASES if case.name == case_name)
    return decode(body)[0]["data"]


def test_tr_01_the_captured_body() -> None:
    body = next(case.body for case in CASES if case.name == "TR-01")

    assert decode(body)[1:] == [
        {
            "action": "upsert",
            "table_name": "customers",
            "key_names": ["id"],
            "sequence": 1565880018,
            "data": {"id": 2, "name": "Jake"},
            "client_id": 7723,
        },
        {
            "action": "switch_view",
            "table_name": "customers",
            "table_version": 5,
            "sequence": 3,
            "client_id": 7723,
        },
    ]


def test_tr_02_exact_types() -> None:
    data = data_of("TR-02")

    assert data == {
        "id": 1,
        "small": 9007199254740992,
        "large": 1180591620717411303424,
        "price": Decimal("12.340"),
        "seen": INSTANT,
        "uuid": "531a379e-31bb-4ce1-8690-158dceb64be6",
    }
    assert str(data["price"]) == "12.340"


def test_tr_04_escapes() -> None:
    assert data_of("TR-04") == {"id": 1, "a": "~tilde", "b": "^caret", "c": "`tick", "d": "^ "}


def test_tr_05_sets_and_lists() -> None:
    assert data_of("TR-05") == {"id": 1, "a": [1, 2], "b": [1]}


def test_tr_07_verbose() -> None:
    assert data_of("TR-07") == {"id": 1, "seen": INSTANT}


def test_tr_12_keys_that_are_no_strings() -> None:
    assert data_of("TR-12") == {"id": 1, "counts": {"1": 5}}


def test_tr_13_special_numbers() -> None:
    assert isnan(data_of("TR-13")["ratio"])
    assert decode(b'["~zINF","~z-INF"]') == [float("inf"), float("-inf")]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("~:keyword", "keyword"),
        ("~:k", "k"),
        ("~$symbol", "symbol"),
        ("~cX", "X"),
        ("~bAQID", "AQID"),
        ("~rhttp://example.com/", "http://example.com/"),
        ("~u531a379e", "531a379e"),
        ("~sstring", "string"),
        ("~?t", True),
        ("~?f", False),
        ("~_", None),
        ("~d1.5", 1.5),
        ("~d1e400", Decimal("1e400")),
        ("~f-1.5e3", ExactDecimal("-1.5e3")),
        ("~i-5", -5),
        ("~n" + "9" * 4000, int("9" * 4000)),
        ("~m-1", Timestamp(-1000)),
        ("~m9224318016000000", Timestamp(9_224_318_016_000_000_000)),
        ("~t2020-01-13T21:25:03.123Z", INSTANT),
        ("~t2020-01-13T21:25:03.123456Z", Timestamp(1_578_950_703_123_456)),
        ("~t2020-01-13t22:25:03.123+01:00", INSTANT),
        ("~t2020-01-13T21:25:03z", Timestamp(1_578_950_703_000_000)),
        ("~", "~"),
        ("^", "^"),
        ("`literal", "`literal"),
        ("~#tag", "~#tag"),
        ("~xunknown", Tagged("x", "unknown")),
    ],
)
def test_a_tagged_string_is_read_as_its_type(written: str, value: Any) -> None:
    [read] = decode(orjson.dumps([written]))

    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('["~#set",[]]', []),
        ('["~#list",[1,["~#set",[2]]]]', [1, [2]]),
        ('["~#ints",[1,2]]', [1, 2]),
        ('["~#\'",5]', 5),
        ('["~#\'",["^ ","a",1]]', {"a": 1}),
        ('{"~#\'":"~m5"}', Timestamp(5000)),
        ('["~#u",[1,-2]]', "00000000-0000-0001-ffff-fffffffffffe"),
        ('["~#u","531a379e"]', "531a379e"),
        ('["~#m",5]', Timestamp(5000)),
        ('["~#i","5"]', 5),
        ('["~#t","2020-01-13T21:25:03.123Z"]', INSTANT),
        ('["~#cmap",[[1,2],3]]', Tagged("cmap", [[1, 2], 3])),
        ('{"~#cmap":[[1,2],3]}', Tagged("cmap", [[1, 2], 3])),
        ('["~#ratio",["~n1","~n3"]]', Tagged("ratio", [1, 3])),
        (
            '["~#link",["^ ","href","~rhttp://x","rel","a"]]',
            Tagged("link", {"href": "http://x", "rel": "a"}),
        ),
        ('["~#point",[1,2]]', Tagged("point", [1, 2])),
        ('["~#set",[1],2]', ["~#set", [1], 2]),
        ('["~#set"]', ["~#set"]),
        ('{"~#set":[1],"b":2}', {"~#set": [1], "b": 2}),
        ('["^ "]', {}),
        ('["^ ","~:key","~:value"]', {"key": "value"}),
        ('["^ ","~$sym",1,"~~a",2,"~`b",3,"~^c",4]', {"sym": 1, "~a": 2, "`b": 3, "^c": 4}),
        (
            '["^ ","~?t",1,"~d1.5",2,"~_",3,"~m5",4]',
            {"true": 1, "1.5": 2, "null": 3, "1970-01-01 00:00:00.005+00": 4},
        ),
        ('["^ ",1,2,true,3,null,4,1.5,5]', {"1": 2, "true": 3, "null": 4, "1.5": 5}),
        ('["^ ","a",1,"a",2]', {"a": 2}),
        ('["^ ","~xunknown",1,"^ ",2]', {"unknown": 1, "^ ": 2}),
        ('{"a":{"b":[]},"c":null}', {"a": {"b": []}, "c": None}),
        ("5", 5),
        ('"~:kw"', "kw"),
        ("18446744073709551616", 2**64),
    ],
)
def test_containers_and_tags_are_read(written: str, value: Any) -> None:
    assert decode(f"[{written}]".encode()) == [value]


@pytest.mark.parametrize(
    "written",
    [
        "[",
        '["^0"]',
        '[["^ ","abcd",1],["^ ","^1",1]]',
        '["^ ","a"]',
        '["^ ","a",1,"b"]',
        '["^ ",["a"],1]',
        '["^ ",["^ "],1]',
        '["~i1x"]',
        '["~i"]',
        '["~n1.5"]',
        '["~i\u0661"]',
        '["~i+1"]',
        '["~m12.5"]',
        '["~m' + "9" * 5000 + '"]',
        '["~f"]',
        '["~fNaN"]',
        '["~f1_0"]',
        '["~dinf"]',
        '["~zinf"]',
        '["~?x"]',
        '["~t2020-01-13"]',
        '["~t2020-13-13T21:25:03Z"]',
        '["~t2020-01-13T21:25:03"]',
        '[["~#set",5]]',
        '[["~#u",[1]]]',
        '[["~#u",["a","b"]]]',
        '["^!"]',
        '["^ab"]',
        '["^abc"]',
        '["\xff"]',
    ],
)
def test_broken_transit_is_malformed(written: str) -> None:
    with pytest.raises(MalformedBody):
        decode(written.encode("latin-1" if "\xff" in written else "utf-8"))


def test_codes_are_given_in_the_order_of_the_document() -> None:
    """Key, value, key: what a value holds comes between."""
    body = b'[["^ ","first",["^ ","inner","~:word"],"last","^2"],["^ ","^0","^1","^3","^2"]]'

    assert decode(body) == [
        {"first": {"inner": "word"}, "last": "word"},
        {"first": "inner", "last": "word"},
    ]


def test_plain_values_and_short_keys_get_no_code() -> None:
    assert decode(b'[["^ ","abc","longvalue","abcd","longvalue"],["^ ","^0",1]]') == [
        {"abc": "longvalue", "abcd": "longvalue"},
        {"abcd": 1},
    ]


def test_a_tag_can_come_as_a_code() -> None:
    assert decode(b'[["~#set",[1]],["^0",[2]],["~#point",[3]],["^1",[4]]]') == [
        [1],
        [2],
        Tagged("point", [3]),
        Tagged("point", [4]),
    ]


def test_codes_have_one_character_or_two() -> None:
    assert [CODES[0], CODES[43], CODES[44], CODES[-1]] == ["^0", "^[", "^10", "^[["]
    assert len(set(CODES)) == 1936


@pytest.mark.parametrize("count", [43, 44, 45, 1935, 1936, 1937, 2100, 4000])
def test_the_cache_begins_again_when_it_is_full(count: int) -> None:
    records = [{f"field_{i}": i, "id": 1, "same": 2} for i in range(count)]
    records += [{"field_0": 0, "id": 1, "same": 2}]

    assert decode(compact(records)) == records


def test_a_writer_that_stops_caching_is_read_too() -> None:
    """Stitchclient writes keys in full after its 1,937th, instead of beginning again."""
    wide = [f"field_{i}" for i in range(2500)]
    first = ["^ ", *(part for name in wide for part in (name, 1))]
    second = ["^ ", *(part for name in wide for part in (name, 2))]

    assert decode(orjson.dumps([first, second])) == [dict.fromkeys(wide, 1), dict.fromkeys(wide, 2)]


@pytest.mark.parametrize("form", ['["^ ","a",', '["~#list",[', '{"a":', '{"~#set":['])
def test_nesting_up_to_the_limit_is_read_and_a_bomb_is_refused(form: str) -> None:
    closing = "".join({"[": "]", "{": "}"}[sign] for sign in form[::-1] if sign in "[{")

    decode((form * 100 + "1" + closing * 100).encode())
    with pytest.raises(MalformedBody):
        decode((form * 500 + "1" + closing * 500).encode())
    with pytest.raises((MalformedBody, TooManyContainers)):
        decode((form * 1_000_000).encode())


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["~a", "^b", "`c", "~#set", "~:kw", "^ ", "^0", "^10", "", "~", "^", "name", "customer_id"]
)
KEYS = TEXTS | st.booleans() | st.integers(-(2**70), 2**70)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.uuids()
    | TEXTS
    | st.sampled_from(
        [
            Written("~:keyword", "keyword"),
            Written("~:k", "k"),
            Written("~$symbol", "symbol"),
            Written("~m5", Timestamp(5000)),
            Written("~bAQID", "AQID"),
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.lists(inner, max_size=3).map(lambda items: Set(tuple(items)))
    ),
    max_leaves=30,
)


@given(st.lists(VALUES, max_size=5))
def test_what_a_writer_writes_is_read_back(values: list[Any]) -> None:
    expected = plain(values)

    assert decode(compact(values)) == expected
    assert decode(verbose(values)) == expected


@given(st.lists(st.dictionaries(KEYS, SCALARS, min_size=1, max_size=4), min_size=1, max_size=3))
def test_repeated_records_are_read_back_whatever_their_keys(records: list[Any]) -> None:
    """The keys of a map seen before are looked up all at once."""
    assert decode(compact(records * 4)) == plain(records * 4)
