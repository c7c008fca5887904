"""Which page is where."""

from __future__ import annotations

from aiohttp import web

from services.tokens.web.context import signed_in
from services.tokens.web.headers import FILE, see_other
from services.tokens.web.site import SITE
from services.tokens.web.views import account, create_integration, integrations, people, sign_in
from services.tokens.web.views.audit import add_audit_pages
from services.tokens.web.views.integration import add_integration_pages
from services.tokens.web.views.rotate import add_rotation


def add_pages(app: web.Application) -> None:
    add_integration_pages(app)
    add_rotation(app)
    add_audit_pages(app)
    app.router.add_routes(
        [
            web.get("/", _home),
            web.get("/static/{name}", _static),
            web.get("/sign-in", sign_in.show_sign_in),
            web.post("/sign-in", sign_in.sign_in),
            web.post("/sign-out", signed_in(sign_in.sign_out)),
            web.get("/link/{secret}", sign_in.show_link),
            web.post("/link/{secret}", sign_in.use_link),
            web.get("/integrations", signed_in(integrations.show_all)),
            web.get("/integrations/add", signed_in(create_integration.choose)),
            web.get("/integrations/add/import-api", signed_in(create_integration.show)),
            web.post("/integrations/add/import-api", signed_in(create_integration.add)),
            web.get("/people", signed_in(people.show_all)),
            web.post("/people/invite", signed_in(people.invite)),
            web.get("/people/{member_id:[0-9]+}", signed_in(people.show)),
            web.post("/people/{member_id:[0-9]+}/role", signed_in(people.change_role)),
            web.post("/people/{member_id:[0-9]+}/link", signed_in(people.renew_link)),
            web.post("/people/{member_id:[0-9]+}/remove", signed_in(people.remove)),
            web.post("/people/{member_id:[0-9]+}/erase", signed_in(people.erase)),
            web.get("/account", signed_in(account.show)),
            web.post("/account/password", signed_in(account.change_password)),
            web.post("/account/sign-out-everywhere", signed_in(account.sign_out_everywhere)),
        ]
    )


async def _home(_: web.Request) -> web.Response:
    return see_other(sign_in.HOME)


async def _static(request: web.Request) -> web.Response:
    file = request.app[SITE].drawing.static.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return web.Response(
        body=file.content, content_type=file.content_type, charset="utf-8", headers=FILE
    )
