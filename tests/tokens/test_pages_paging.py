"""Page numbers in query strings, well-formed and malformed."""

from __future__ import annotations

import pytest

from services.tokens.web.paging import PAGES_MAX, parse_page_number
from tests.tokens.person import Person


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("7", 7),
        ("0", 1),
        ("", 1),
        ("-3", 1),
        ("12345678x", 1),
        ("١٢", 1),
        ("12345678", PAGES_MAX),
        ("9" * 5000, PAGES_MAX),
    ],
)
def test_a_page_is_a_number_from_one_to_the_most(typed: str, number: int) -> None:
    assert parse_page_number(typed) == number


async def test_a_mistyped_page_is_no_failure_of_ours(owner: Person) -> None:
    for path in ("/integrations?", "/audit/as-of?moment=2999-01-01&"):
        for typed in ("12345678x", "9" * 5000):
            assert (await owner.get(f"{path}page={typed}")).status == 200
