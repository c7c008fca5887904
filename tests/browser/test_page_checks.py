"""Tests of the page checks: a bad page does not pass them."""

from __future__ import annotations

import pytest
from aiohttp import web
from playwright.async_api import Browser
from pytest_aiohttp.plugin import AiohttpServer

from tests.browser.checking import PageChecks
from tests.browser.visitor import visiting

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"></head>
<body><main><h1>A page</h1>{}</main></body></html>"""


FAULTS = {
    "color-contrast": '<p><font color="#ddd">hardly there</font></p>',
    "image-alt": '<p><img src="/x.png"></p>',
    "no-dup-id": '<p id="a">1</p><p id="a">2</p>',
    "pixels wide": "<pre>{}</pre>".format("wide " * 200),
}


async def serve(server: AiohttpServer, html: str) -> str:
    app = web.Application()

    async def page(_: web.Request) -> web.Response:
        policy = {"Content-Security-Policy": "default-src 'self'"}
        return web.Response(text=html, content_type="text/html", headers=policy)

    app.router.add_get("/", page)
    app.router.add_get("/x.png", page)
    running = await server(app)
    return str(running.make_url("")).rstrip("/")


async def test_a_bad_page_does_not_pass(
    browser: Browser, checks: PageChecks, aiohttp_server: AiohttpServer
) -> None:
    origin = await serve(aiohttp_server, PAGE.format("".join(FAULTS.values())))
    async with visiting(browser, origin, checks) as visitor:
        await visitor.open("/")

        with pytest.raises(AssertionError) as said:
            await visitor.look("fault")

    assert [fault for fault in FAULTS if fault not in str(said.value)] == []


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<script>1</script>", "Content Security Policy"),
        ('<p><img src="http://127.0.0.2:9/x.png" alt=""></p>', "another host"),
    ],
)
async def test_what_a_page_may_not_do_is_noticed(
    browser: Browser, checks: PageChecks, aiohttp_server: AiohttpServer, html: str, found: str
) -> None:
    origin = await serve(aiohttp_server, PAGE.format(html))

    with pytest.raises(AssertionError, match=found):
        async with visiting(browser, origin, checks) as visitor:
            await visitor.open("/")


async def test_a_good_page_passes(
    browser: Browser, checks: PageChecks, aiohttp_server: AiohttpServer
) -> None:
    origin = await serve(aiohttp_server, PAGE.format("<p>Nothing is wrong here.</p>"))
    async with visiting(browser, origin, checks) as visitor:
        await visitor.open("/")
        await visitor.look("fault")

        assert "Nothing is wrong" in await visitor.text()
