"""The operations port: is the program alive, can it do its job now, and its metrics."""

from collections.abc import Awaitable, Callable

import prometheus_client
from aiohttp import web

from services.runtime.database import measure_pools

# None when all is well, else a sentence.
Check = Callable[[], Awaitable[str | None]]


class Health:
    """Ready means: can do its job now. Every check that says why not is told in the answer."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}
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
