"""Strategies: JSON values, the strange ones of the limits among them."""

from typing import Any

from hypothesis import strategies as st

from tests.wire.bodies import nested

STRANGE: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    7723,
    7723.0,
    -1,
    1.0,
    0.5,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    "",
    " ",
    "7723",
    "id",
    "upsert",
    "switch_view",
    "activate_version",
    "a\0b",
    "\0",
    "x" * 1024,
    "x" * 1025,
    "é" * 1025,
    [],
    {},
    ["id"],
    ["id", "name"],
    ["nope"],
    [[]],
    [1],
    {"id": 1},
    {"id": None},
    {"id": "x" * 1025},
    {"id": [1]},
    nested(100),
    nested(101),
    {"id": 1, "list": [0] * 10_000},
    {"type": "string"},
    {"type": "foo"},
    {"$ref": "#"},
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
VALUES = st.sampled_from(STRANGE) | st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """``body`` with one to three places put to something else, taken out, or added."""
    for _ in range(draw(st.integers(1, 3))):
        body = _mutate(draw, body, depth=draw(st.integers(0, 4)))
    return body


def _mutate(draw: st.DrawFn, value: Any, *, depth: int) -> Any:
    if depth == 0 or not isinstance(value, dict | list) or not value:
        return draw(VALUES)
    if isinstance(value, list):
        place = draw(st.integers(0, len(value) - 1))
        changed = [_mutate(draw, value[place], depth=depth - 1)] if draw(st.booleans()) else []
        return value[:place] + changed + value[place + 1 :]
    names = [*value, "foo", "table_version", "namespace", "time_extracted", "key_properties"]
    name = draw(st.sampled_from(names))
    if name not in value or draw(st.integers(0, 3)):
        return value | {name: _mutate(draw, value.get(name), depth=depth - 1)}
    return {key: content for key, content in value.items() if key != name}
