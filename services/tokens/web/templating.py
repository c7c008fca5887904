"""Jinja templates and static files, read once when the program starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2

from services.tokens.web.times import format_machine_time, format_relative, format_time

_CONTENT_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "ico": "image/x-icon",
}
_HASH_CHARACTERS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class StaticFile:
    content_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Templates:
    """``static_files``: keyed by the name in their URL, which contains a hash of the content."""

    environment: jinja2.Environment
    static_files: dict[str, StaticFile]

    def render(self, template: str, context: dict[str, Any]) -> str:
        return self.environment.get_template(template).render(context)


@cache
def load_templates() -> Templates:
    """Read and compile every template. Blocking: call it outside the event loop.

    A variable that a view did not pass to its template raises ``jinja2.UndefinedError``.
    """
    package = files("services.tokens.web")
    static = {entry.name: entry.read_bytes() for entry in package.joinpath("static").iterdir()}
    url_names = {name: _hashed_name(name, content) for name, content in static.items()}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(
            {
                entry.name: entry.read_text("utf-8")
                for entry in package.joinpath("templates").iterdir()
            }
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["static"] = lambda name: f"/static/{url_names[name]}"
    environment.filters |= {
        "utc": format_time,
        "machine_time": format_machine_time,
        "ago": format_relative,
    }
    for name in environment.list_templates():
        environment.get_template(name)
    return Templates(
        environment=environment,
        static_files={
            url_names[name]: StaticFile(
                content_type=_CONTENT_TYPES.get(
                    name.rpartition(".")[2], "application/octet-stream"
                ),
                content=content,
            )
            for name, content in static.items()
        },
    )


def _hashed_name(name: str, content: bytes) -> str:
    """``pushgate.0123456789ab.css``: the URL changes with the content."""
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS]}.{ending}"
