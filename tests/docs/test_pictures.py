"""The pictures of the docs are small, shown, and drawn by the browser tests."""

import re
from pathlib import Path

PICTURE_BYTES_MAX = 60_000
PICTURES = sorted(Path("docs/pictures").glob("*.png"))
SHOWN = re.compile(r"!\[[^\]]+\]\(pictures/([\w-]+\.png)\)")


def test_pictures_are_small() -> None:
    large = [path.name for path in PICTURES if path.stat().st_size > PICTURE_BYTES_MAX]

    assert not large


def test_every_picture_is_shown_and_every_one_shown_is_there() -> None:
    shown = {name for page in Path("docs").glob("*.md") for name in SHOWN.findall(page.read_text())}

    assert shown == {path.name for path in PICTURES}


def test_every_picture_is_drawn_by_a_test() -> None:
    sources = "".join(path.read_text() for path in Path("tests/browser").glob("test_*.py"))

    assert all(f'picture(ada, "{path.stem}"' in sources for path in PICTURES)
