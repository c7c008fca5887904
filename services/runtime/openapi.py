"""The OpenAPI document, which tokens and ingest serve at ``/openapi.json``."""

import asyncio
import functools
from pathlib import Path

from aiohttp import web

import protocol

PATH = "/openapi.json"
DOCUMENT = Path(protocol.__file__).parent / "static" / "openapi.json"


async def openapi_document(_: web.Request) -> web.Response:
    body = await asyncio.to_thread(_read)
    return web.Response(body=body, content_type="application/json")


@functools.cache
def _read() -> bytes:
    return DOCUMENT.read_bytes()
