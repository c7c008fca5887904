"""Templates and static files: read once, at the start, then drawn from memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2

from services.tokens.web.times import format_machine_time, format_relative, format_utc

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
    """``static``: by the name in the address, which holds a hash of the content."""

    environment: jinja2.Environment
    static_files: dict[str, StaticFile]

    def render(self, template: str, context: dict[str, Any]) -> str:
        return self.environment.get_template(template).render(context)


@cache
def load_templates() -> Templates:
    """Reads files: not inside an event loop. A value that a template lacks is an error."""
    package = files("services.tokens.web")
    static = {entry.name: entry.read_bytes() for entry in package.joinpath("static").iterdir()}
    addresses = {name: _hashed_name(name, content) for name, content in static.items()}
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
    environment.globals["static"] = lambda name: f"/static/{addresses[name]}"
    environment.filters |= {
        "in_utc": format_utc,
        "machine_time": format_machine_time,
        "ago": format_relative,
    }
    for name in environment.list_templates():
        environment.get_template(name)
    return Templates(
        environment=environment,
        static_files={
            addresses[name]: StaticFile(
                content_type=_CONTENT_TYPES.get(
                    name.rpartition(".")[2], "application/octet-stream"
                ),
                content=content,
            )
            for name, content in static.items()
        },
    )


def _hashed_name(name: str, content: bytes) -> str:
    """``pushgate.0123456789ab.css``: another content has another address."""
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS]}.{ending}"
