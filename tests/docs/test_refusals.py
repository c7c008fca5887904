"""docs/reference/refusals.md tells of every refusal, with the status that is sent."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import TypeVar

import protocol.refusals as import_refusals
from services.tokens import refusals as connect_refusals
from services.tokens.connect_api.answers import STATUS_AND_ERROR

PAGE = Path("docs/reference/refusals.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (\d+) \|(?: `(\w+)` \|)?", re.MULTILINE)
WRITTEN = {code: (int(status), error or None) for code, status, error in ROW.findall(PAGE)}

Base = TypeVar("Base")


def kinds_of(base: type[Base]) -> set[type[Base]]:
    """Those with a code of their own; the others only hold what some have in common."""
    below = base.__subclasses__()
    return {cls for cls in below if "code" in vars(cls)}.union(*(kinds_of(cls) for cls in below))


def in_the_code() -> dict[str, tuple[int, str | None]]:
    for module in pkgutil.iter_modules(import_refusals.__path__):
        importlib.import_module(f"protocol.refusals.{module.name}")
    return {cls.code: (cls.status, None) for cls in kinds_of(import_refusals.Refusal)} | {
        cls.code: STATUS_AND_ERROR[cls] for cls in kinds_of(connect_refusals.CommandRefused)
    }


def test_the_page_has_every_refusal_with_its_status_and_no_other() -> None:
    """If this fails: a refusal came, went or changed; mend its row in the page."""
    assert in_the_code() == WRITTEN


def test_no_code_is_written_twice() -> None:
    assert len(ROW.findall(PAGE)) == len(WRITTEN)
