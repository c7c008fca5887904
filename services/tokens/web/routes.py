"""Which page is where."""

from __future__ import annotations

from aiohttp import web

from services.tokens.web.context import sign_in_required
from services.tokens.web.headers import STATIC_FILE_HEADERS, see_other
from services.tokens.web.site import SITE
from services.tokens.web.views import account, create_integration, integrations, people, sign_in
from services.tokens.web.views.audit import add_audit_pages
from services.tokens.web.views.integration import add_integration_pages
from services.tokens.web.views.rotate import add_rotation_pages


def add_pages(app: web.Application) -> None:
    add_integration_pages(app)
    add_rotation_pages(app)
    add_audit_pages(app)
    app.router.add_routes(
        [
            web.get("/", _home),
            web.get("/static/{name}", _static),
            web.get("/sign-in", sign_in.show_sign_in),
            web.post("/sign-in", sign_in.sign_in),
            web.post("/sign-out", sign_in_required(sign_in.sign_out)),
            web.get("/link/{secret}", sign_in.show_link),
            web.post("/link/{secret}", sign_in.use_link),
            web.get("/integrations", sign_in_required(integrations.show_all)),
            web.get("/integrations/add", sign_in_required(create_integration.choose_kind)),
            web.get("/integrations/add/import-api", sign_in_required(create_integration.show)),
            web.post("/integrations/add/import-api", sign_in_required(create_integration.create)),
            web.get("/people", sign_in_required(people.show_all)),
            web.post("/people/invite", sign_in_required(people.invite)),
            web.get("/people/{member_id:[0-9]+}", sign_in_required(people.show)),
            web.post("/people/{member_id:[0-9]+}/role", sign_in_required(people.change_role)),
            web.post("/people/{member_id:[0-9]+}/link", sign_in_required(people.renew_link)),
            web.post("/people/{member_id:[0-9]+}/remove", sign_in_required(people.remove)),
            web.post("/people/{member_id:[0-9]+}/erase", sign_in_required(people.erase)),
            web.get("/account", sign_in_required(account.show)),
            web.post("/account/password", sign_in_required(account.change_password)),
            web.post("/account/sign-out-everywhere", sign_in_required(account.sign_out_everywhere)),
        ]
    )


async def _home(_: web.Request) -> web.Response:
    return see_other(sign_in.HOME)


async def _static(request: web.Request) -> web.Response:
    file = request.app[SITE].templates.static_files.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return web.Response(
        body=file.content,
        content_type=file.content_type,
        charset="utf-8",
        headers=STATIC_FILE_HEADERS,
    )
