"""The relay's status: a page for people, the same as JSON for programs, and metrics."""

import asyncio
from dataclasses import asdict
from pathlib import Path

import jinja2
import prometheus_client
from aiohttp import web

from protocol.refusals import Refusal
from pushgate_client import Counts, Happening, Held, Outbox, Resumed, Sent, WasSetAside
from services.receiving.http_answers import refusal_response
from services.relay.access import check_caller
from services.runtime.config import Secret
from services.runtime.logs import Log
from services.runtime.metrics import (
    RELAY_BYTES,
    RELAY_OLDEST_SECONDS,
    RELAY_RECORDS,
    RELAY_REQUESTS,
)

PAGE = Path(__file__).parent / "templates" / "status.html"
STYLE = Path(__file__).parent / "templates" / "status.css"
STATES = ("waiting", "sent", "held", "set_aside")


def log_delivery_event(event: Happening) -> None:
    """Successful requests are not logged: there are many, and metrics count them."""
    match event:
        case Held(answer):
            Log().warning("relay.held", answer=str(answer))
        case Resumed():
            Log().info("relay.resumed")
        case WasSetAside(_, part, answer):
            Log().warning(
                "relay.set_aside",
                tables=list(part.tables[:10]),
                records=part.records,
                answer=str(answer),
            )
        case Sent():
            pass


class StatusPage:
    """Page and metrics require the same ``secret`` as pushing does."""

    def __init__(self, outbox: Outbox, *, url: str, directory: Path, secret: Secret | None) -> None:
        self._outbox = outbox
        self._url = url
        self._directory = directory
        self._secret = secret
        self._page: jinja2.Template | None = None
        self._stylesheet: str | None = None

    async def reason_not_ready(self) -> str | None:
        """Only a full outbox: accepting pushes while delivery is held is the relay's purpose."""
        return self._outbox.full

    async def status(self, request: web.Request) -> web.Response:
        try:
            check_caller(request, self._secret)
        except Refusal as refusal:
            return refusal_response(refusal, "other")
        counts = self._outbox.counts()
        if "text/html" not in request.headers.get("Accept", ""):
            state = {"gate": self._url, **asdict(counts), "full": self._outbox.full}
            return web.json_response(state)
        if self._page is None:
            self._page = await asyncio.to_thread(_template)
        rows = [(name.replace("_", " "), *_numbers(counts, name)) for name in STATES]
        text = self._page.render(
            counts=counts,
            rows=rows,
            full=self._outbox.full,
            url=self._url,
            directory=str(self._directory),
        )
        return web.Response(text=text, content_type="text/html", headers=_SECURITY_HEADERS)

    async def style(self, _: web.Request) -> web.Response:
        """Public: it reveals nothing of the relay's state."""
        if self._stylesheet is None:
            self._stylesheet = await asyncio.to_thread(STYLE.read_text, "utf-8")
        return web.Response(
            text=self._stylesheet, content_type="text/css", headers=_SECURITY_HEADERS
        )

    async def metrics(self, request: web.Request) -> web.Response:
        try:
            check_caller(request, self._secret)
        except Refusal as refusal:
            return refusal_response(refusal, "other")
        _measure(self._outbox.counts())
        return web.Response(
            body=await asyncio.to_thread(prometheus_client.generate_latest),
            headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
        )


_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(PAGE.read_text("utf-8"))


def _numbers(counts: Counts, name: str) -> tuple[int, int]:
    return getattr(counts, name), getattr(counts, f"{name}_records")


def _measure(counts: Counts) -> None:
    for name in STATES:
        requests, records = _numbers(counts, name)
        RELAY_REQUESTS.labels(name).set(requests)
        RELAY_RECORDS.labels(name).set(records)
    RELAY_OLDEST_SECONDS.set(counts.oldest_seconds or 0.0)
    RELAY_BYTES.set(counts.bytes)
