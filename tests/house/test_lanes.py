"""Every file of tests runs: in one lane, and in no other (tests/lanes.py)."""

from pathlib import Path

from tests.house.sources import ROOT, said
from tests.lanes import LANES, MORE, is_in

# Started by `make test-compose`, with containers.
OF_ITS_OWN = {"compose"}


def test_a_file_of_tests_is_in_one_lane() -> None:
    found = [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")]
    lanes_of = {path: [lane for lane in LANES if is_in(lane, path)] for path in found}

    assert found
    assert not (
        wrong := [
            f"tests/{path}: in {lanes or 'no lane'}: give its folder one lane"
            for path, lanes in lanes_of.items()
            if len(lanes) != 1 and path.parts[0] not in OF_ITS_OWN
        ]
    ), said(wrong)


def test_what_takes_long_is_there() -> None:
    assert [each for each in sorted(MORE) if not Path(ROOT / "tests" / each).exists()] == []
