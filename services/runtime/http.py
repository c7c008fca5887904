"""The operations port (health and metrics), and what any port of ours knows of a caller."""

import ipaddress
import re
from collections.abc import Awaitable, Callable

import prometheus_client
from aiohttp import web

from services.runtime.database import measure_pools

# None when all is well, else a sentence.
ReadinessCheck = Callable[[], Awaitable[str | None]]


class Health:
    """Ready means: can do its job now. Every check that says why not is told in the answer."""

    def __init__(self) -> None:
        self.checks: dict[str, ReadinessCheck] = {}
        self.starting = False
        self.stopping = False

    async def reasons(self) -> dict[str, str]:
        if self.stopping:
            return {"program": "it is stopping"}
        if self.starting:
            return {"program": "it is starting"}
        found = {name: await check() for name, check in self.checks.items()}
        return {name: reason for name, reason in found.items() if reason is not None}


HEALTH: web.AppKey[Health] = web.AppKey("health", Health)


# No underscore: a token sent as an id by mistake is not written into a log.
_REQUEST_ID = re.compile(r"[A-Za-z0-9.:-]{1,64}")


def given_request_id(request: web.BaseRequest) -> str | None:
    """The ``X-Request-Id`` that came along, from a proxy or the caller, if it can be logged."""
    given = request.headers.get("X-Request-Id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None


def caller_address(request: web.BaseRequest, *, behind_proxy: bool) -> str | None:
    """Whose request it is.

    Behind a proxy the last address of ``X-Forwarded-For`` is the one the proxy saw itself; those
    before it anybody may have written.
    """
    if not behind_proxy:
        return request.remote
    forwarded = request.headers.getall("X-Forwarded-For", [""])[-1].rpartition(",")[2]
    try:
        return str(ipaddress.ip_address(forwarded.strip()))
    except ValueError:
        return request.remote


def operations_app(health: Health) -> web.Application:
    """Never public: ``/health/live``, ``/health/ready`` (503 with reasons) and ``/metrics``."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_: web.Request) -> web.Response:
        if reasons := await health.reasons():
            return web.json_response({"status": "not ready", "reasons": reasons}, status=503)
        return web.json_response({"status": "ready"})

    async def metrics(_: web.Request) -> web.Response:
        measure_pools()
        return web.Response(
            body=prometheus_client.generate_latest(),
            headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
        )

    app = web.Application()
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/metrics", metrics)
    return app
