"""The reference pages of what can be watched. ``python -m tests.deploy.reference`` writes them."""

import re
from pathlib import Path
from typing import NamedTuple, get_args

from services.runtime import logs
from services.runtime.metrics import CATALOGUE, MetricEntry

PAGES = Path("docs/reference")

_PROGRAM_OF = {
    "pushgate_ingest": "ingest",
    "pushgate_tokens": "tokens",
    "pushgate_loader": "loader",
    "pushgate_history": "history",
    "pushgate_signer": "signer",
    "pushgate_relay": "relay",
}

METRICS_HEAD = """\
# Metrics

Every program serves them at `/metrics` on its operations port, in the Prometheus text format,
next to those of the Python process (`process_*`, `python_*`). That port is never public. No label
ever holds a token, a name or a path that came in a request. `pushgate relay` serves them at the
address it listens on; those of ingest there count the requests that the relay received.

Written by `python -m tests.deploy.reference` from `services/runtime/metrics.py`.
"""

EVENTS_HEAD = """\
# Log events

Every program writes JSON lines to standard error: `timestamp` (UTC), `level`, `event`, `program`,
and the fields below. There are no other events, apart from warnings of libraries. No line ever
holds a token's text, a record or a database password.

Written by `python -m tests.deploy.reference` from `services/runtime/logs.py`.
"""


class Event(NamedTuple):
    name: str
    meaning: str
    fields: str


def metrics_page() -> str:
    sections: dict[str, list[str]] = {}
    for entry in CATALOGUE:
        prefix = "_".join(entry.name.split("_")[:2])
        program = _PROGRAM_OF.get(prefix, "every program")
        sections.setdefault(program, []).append(_metric_row(entry))
    tables = [
        f"## {program[0].upper()}{program[1:]}\n\n"
        "| name | kind | unit | meaning | labels |\n|---|---|---|---|---|\n" + "\n".join(rows)
        for program, rows in sections.items()
    ]
    return METRICS_HEAD + "\n" + "\n\n".join(tables) + "\n"


def _metric_row(entry: MetricEntry) -> str:
    labels = "; ".join(f"`{name}`: {values}" for name, values in entry.labels.items())
    return f"| `{entry.name}` | {entry.kind} | {entry.unit} | {entry.meaning} | {labels} |"


def events_page() -> str:
    rows = "\n".join(f"| `{e.name}` | {e.meaning} | {e.fields} |" for e in events())
    return f"{EVENTS_HEAD}\n| event | meaning | fields |\n|---|---|---|\n{rows}\n"


def events() -> list[Event]:
    """From the comments over the names: what it means, then ``Fields: a, b.`` if it has any."""
    source = Path(logs.__file__).read_text("utf-8")
    listed = source[source.index("LogEvent = Literal[") : source.index("\n]\n")]
    found: list[Event] = []
    comment: list[str] = []
    fresh = True
    for line in listed.splitlines()[1:]:
        if text := re.match(r"\s*# ?(.*)", line):
            comment = [text[1]] if fresh else [*comment, text[1]]
            fresh = False
        elif name := re.match(r'\s*"([\w.]+)",', line):
            meaning, _, fields = " ".join(comment).partition(" Fields: ")
            found.append(Event(name[1], meaning, _as_code(fields.rstrip("."))))
            fresh = True
    assert [event.name for event in found] == list(get_args(logs.LogEvent))
    return found


def _as_code(fields: str) -> str:
    return ", ".join(f"`{name.strip()}`" for name in fields.split(",") if name.strip())


def pages() -> dict[str, str]:
    return {"metrics.md": metrics_page(), "log-events.md": events_page()}


if __name__ == "__main__":
    PAGES.mkdir(parents=True, exist_ok=True)
    for page_name, text_of_page in pages().items():
        (PAGES / page_name).write_text(text_of_page, encoding="utf-8")
