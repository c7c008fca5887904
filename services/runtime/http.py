"""The operations port (health checks and metrics), and reading the caller from a request."""

import ipaddress
import re
from collections.abc import Awaitable, Callable

import prometheus_client
from aiohttp import web

from services.runtime.database import measure_pools

# Returns None if the program is ready, otherwise the reason.
ReadinessCheck = Callable[[], Awaitable[str | None]]


class Health:
    """Readiness: whether the program can do its work now. All reasons against it are reported."""

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


# Without underscore, so that a token sent as a request id by mistake never gets into a log.
_REQUEST_ID = re.compile(r"[A-Za-z0-9.:-]{1,64}")


def given_request_id(request: web.BaseRequest) -> str | None:
    """The ``X-Request-Id`` of the proxy or the caller; None if there is none fit for a log."""
    given = request.headers.get("X-Request-Id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None


def caller_address(request: web.BaseRequest, *, behind_proxy: bool) -> str | None:
    """The IP address of the caller.

    Behind a proxy it is the last address in ``X-Forwarded-For``, which the proxy added itself; the
    client may have forged those before it.
    """
    if not behind_proxy:
        return request.remote
    forwarded = request.headers.getall("X-Forwarded-For", [""])[-1].rpartition(",")[2]
    try:
        return str(ipaddress.ip_address(forwarded.strip()))
    except ValueError:
        return request.remote


def operations_app(health: Health) -> web.Application:
    """``/health/live``, ``/health/ready`` (503 with reasons) and ``/metrics``. Never public."""

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
