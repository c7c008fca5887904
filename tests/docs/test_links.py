"""What the pages point at is there."""

import re
from pathlib import Path

import pytest

PAGES = [
    *Path().glob("*.md"),
    *Path("docs").rglob("*.md"),
    *Path("deploy").glob("*.md"),
    *Path("services").rglob("*.md"),
    *Path("events").rglob("*.md"),
]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
# A path from the root, in code type: services/ingest/intake.py, cli/, deploy/secrets
CODE = re.compile(
    r"`((?:cli|services|events|protocol|tests|docs|deploy|bench)/[\w./*-]*|requirements\S*\.txt)`"
)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    lost = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    lost += [path for path in CODE.findall(text) if not any(Path().glob(path.rstrip("/")))]

    assert lost == []
