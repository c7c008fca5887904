"""Acceptance: the demo, with some of the flights."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest

from demo import flights
from demo.checks import Mismatch, expect


async def test_the_demo_comes_to_a_good_end() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo", "--records", "5000"), stdout=PIPE, stderr=PIPE
    )
    output, errors = await process.communicate()
    told = output.decode()

    assert (process.returncode, errors.decode()) == (0, "")
    assert "5,000 rows are there; 1,000 of them" in told
    assert ": all acknowledged" in told
    assert 'refused with 401 {"message":"Not Authorized"};' in told
    assert "No push was lost" in told
    assert told.count("events replay to exactly the live tables") == 2


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("", None),
        ("NA", None),
        ("517", 517),
        ("-4", -4),
        ("0.5", 0.5),
        ("-0.5", -0.5),
        ("NaN", "NaN"),
        ("N14228", "N14228"),
        ("2013-01-01T10:00:00Z", "2013-01-01T10:00:00Z"),
        ("-", "-"),
        ("1.", "1."),
    ],
)
def test_a_cell_is_null_a_number_or_the_text_that_it_is(cell: str, value: object) -> None:
    found = flights.value_of(cell)

    assert (found, type(found)) == (value, type(value))


def test_a_mismatch_ends_the_demo_with_both_sides() -> None:
    with pytest.raises(Mismatch, match="rows: found 1, expected 2"):
        expect("rows", 1, 2)
