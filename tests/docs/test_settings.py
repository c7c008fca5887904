"""Every setting is in .env.example, with its default, and so in docs/reference/settings.md."""

import re
from pathlib import Path

import pytest

from services.runtime.migrations import ROLES
from tests.docs.settings import INHERITED, PAGE, default_of, fields_by_variable, page, settings

WRITTEN = {setting.name: setting for setting in settings()}
NAME = re.compile(r"PUSHGATE_[A-Z_]*[A-Z]")
# Where a variable may be read or handed on.
SOURCES = [
    *Path("cli").rglob("*.py"),
    *Path("services").rglob("*.py"),
    *Path("tests").rglob("*.py"),
    Path("docker-compose.yml"),
    Path("Makefile"),
]


def mentioned() -> set[str]:
    texts = [path.read_text("utf-8") for path in SOURCES if path.parts[:2] != ("tests", "docs")]
    return {name for text in texts for name in NAME.findall(text)}


def test_the_page_is_made_of_the_file() -> None:
    """If this fails: python -m tests.docs.settings writes the page anew."""
    assert PAGE.read_text("utf-8") == page()


def test_every_setting_of_a_program_is_told() -> None:
    assert fields_by_variable().keys() - INHERITED <= WRITTEN.keys()


def test_every_variable_that_the_code_mentions_is_told() -> None:
    private = {"PUSHGATE_TEST_RUN_DIRECTORY"}  # the run's own, between its processes

    assert mentioned() - INHERITED - private <= WRITTEN.keys()


def test_nothing_is_told_that_nobody_reads() -> None:
    passwords = {f"{role.upper()}_DATABASE_PASSWORD" for role in ROLES}

    assert WRITTEN.keys() <= mentioned() | fields_by_variable().keys() | passwords


@pytest.mark.parametrize("name", sorted(fields_by_variable().keys() - INHERITED))
def test_a_default_is_that_of_the_code(name: str) -> None:
    defaults = {default_of(field) for field in fields_by_variable()[name].values()} - {None}
    # What differs from program to program is told in the meaning.
    told = WRITTEN[name].default if len(defaults) == 1 else WRITTEN[name].meaning

    assert all(default in told for default in defaults if default not in {None, "0"}), defaults
