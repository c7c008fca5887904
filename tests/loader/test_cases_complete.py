"""Each case that the specification lists is a test with the case's id in its name."""

from __future__ import annotations

import re
from pathlib import Path

# Loading behaviour, section 7. The numbers have gaps there, too.
CASES = """
    01 02 03 05 06 07 09 10 13 14 15 16 17 18 19 24 25 26 27 28 29 30 31 32 35 36 37 39 40 41 42 43
    44 45 46 48 50 52 53 54 55 57 58 60 63 65 68 71 72 75 76 78 80 81 82 84 86 91 93 94 95
"""


def test_every_listed_case_is_tested_under_its_id() -> None:
    sources = [path.read_text() for path in Path(__file__).parent.glob("test_cases_*.py")]
    names = [name for text in sources for name in re.findall(r"def test_((?:c\d\d_)+)", text)]

    assert set(re.findall(r"\d\d", "".join(names))) == set(CASES.split())
