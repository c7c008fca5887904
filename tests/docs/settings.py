"""The settings as .env.example tells them. ``python -m tests.docs.settings`` writes their page."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import NamedTuple

from services.history.app import HistorySettings
from services.history.signer.program import SignerSettings
from services.ingest.app import IngestSettings
from services.loader.app import LoaderSettings
from services.runtime.lifecycle import ServerSettings
from services.tokens.app import TokensSettings

PAGE = Path("docs/reference/settings.md")
EXAMPLE = Path(".env.example")
PROGRAMS: dict[str, type[ServerSettings]] = {
    "tokens": TokensSettings,
    "ingest": IngestSettings,
    "loader": LoaderSettings,
    "history": HistorySettings,
    "signer": SignerSettings,
}
# Given by whoever starts the program, never by a person.
INHERITED = {"PUSHGATE_LISTEN_FD", "PUSHGATE_OPS_FD", "PUSHGATE_PARENT_FD"}

HEAD = """\
# Settings

Everything is set with environment variables; an empty one counts as not set. A program that can't
use what it is given says all that is wrong with it at once, and exits with 2. `pushgate up` gives
its programs their addresses and databases itself, and hands on the rest.

Written by `python -m tests.docs.settings` from `.env.example`.
"""

TITLES = "| name | default or example | meaning | programs |"


class Setting(NamedTuple):
    section: str
    name: str
    default: str
    meaning: str


def settings() -> Iterator[Setting]:
    """In the order of the file; a comment stands for all the names that follow it directly."""
    section, comment, fresh = "", list[str](), True
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if heading := re.match(r"# --- (.*?) -+$", line):
            section, comment, fresh = heading[1], [], True
        elif setting := re.match(r"#(PUSHGATE_\w+)=(.*)$", line):
            assert comment, f"{setting[1]} has no comment over it"
            yield Setting(section, setting[1], setting[2], " ".join(comment))
            fresh = True
        elif text := re.match(r"# (.*)$", line):
            comment, fresh = ([text[1]] if fresh else [*comment, text[1]]), False


def fields_by_variable() -> dict[str, dict[str, Field[object]]]:
    """What each program reads: variable, then program."""
    found: dict[str, dict[str, Field[object]]] = {}
    for program, cls in PROGRAMS.items():
        for field in fields(cls):
            found.setdefault(f"PUSHGATE_{field.name.upper()}", {})[program] = field
    return found


def default_of(field: Field[object]) -> str | None:
    """As it would stand in the file; None when there is none."""
    if field.default is MISSING or field.default is None:
        return None
    return str(int(field.default)) if isinstance(field.default, bool) else str(field.default)


def page() -> str:
    readers = fields_by_variable()
    text, section = HEAD, ""
    for setting in settings():
        if setting.section != section:
            section = setting.section
            text += f"\n## {section}\n\n{TITLES}\n|---|---|---|---|\n"
        default = f"`{setting.default}`" if setting.default else ""
        programs = ", ".join(readers.get(setting.name, {}))
        text += f"| `{setting.name}` | {default} | {setting.meaning} | {programs} |\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
