from typing import Any

import pytest

from cli.errors import CommandFailed
from cli.integration_argument import find_integration


def source(number: int, name: str, display: str, *, deleted: bool = False) -> dict[str, Any]:
    at = "2026-11-23T00:00:00Z" if deleted else None
    return {"id": number, "name": name, "display_name": display, "deleted_at": at}


SOURCES = [
    source(1, "orders", "Orders", deleted=True),
    source(2, "orders", "Orders"),
    source(3, "shop", "orders"),
    source(4, "n2", "2"),
    source(5, "web_shop", "Web Shop"),
]


@pytest.mark.parametrize(
    ("wanted", "number"), [("5", 5), ("web_shop", 5), ("Web Shop", 5), ("Orders", 2), ("1", 1)]
)
def test_an_id_a_schema_name_and_a_display_name_find_it(wanted: str, number: int) -> None:
    assert find_integration(SOURCES, wanted)["id"] == number


def test_an_id_wins_over_a_name_of_digits() -> None:
    assert find_integration(SOURCES, "2")["id"] == 2


def test_one_schema_name_that_is_another_display_name_is_refused_with_both_ids() -> None:
    with pytest.raises(
        CommandFailed, match=r"may mean 2 \(Orders, schema orders\), 3 \(orders, schema"
    ):
        find_integration(SOURCES, "orders")


@pytest.mark.parametrize("wanted", ["9", "nothing", "", "ORDERS"])
def test_what_is_not_there_is_refused(wanted: str) -> None:
    with pytest.raises(CommandFailed, match="There is no integration"):
        find_integration(SOURCES, wanted)
