"""`python -m bench.floor`: the same server as ingest's, doing next to nothing.

/read only reads the body, /parse also parses it; both answer what ingest answers.
"""

import os
import sys

import orjson
from aiohttp import web

from services.receiving.endpoint import PUSH
from services.runtime.clock import SystemClock
from services.runtime.config import read_settings
from services.runtime.http import HEALTH, Health
from services.runtime.lifecycle import LIFECYCLE, Lifecycle, ServerSettings, run_program
from services.runtime.logs import configure_logs

BODY_BYTES_MAX = 20_000_000


def _answer() -> web.Response:
    return web.Response(status=PUSH.status, body=PUSH.body, content_type="application/json")


async def read(request: web.Request) -> web.Response:
    await request.read()
    return _answer()


async def parse(request: web.Request) -> web.Response:
    orjson.loads(await request.read())
    return _answer()


def build_app() -> web.Application:
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app[HEALTH] = Health()
    app[LIFECYCLE] = Lifecycle()
    app.router.add_post("/read", read)
    app.router.add_post("/parse", parse)
    # For clients, which know only the gate's own addresses.
    app.router.add_post("/v2/import/push", read)
    app.router.add_post("/v2/import/batch", read)
    return app


if __name__ == "__main__":
    configure_logs("floor")
    settings = read_settings(ServerSettings, os.environ)
    sys.exit(run_program(build_app, settings, clock=SystemClock()))
