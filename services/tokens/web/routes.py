"""Every page, form and static file: its URL and its view."""

from __future__ import annotations

from aiohttp import web

from services.tokens.web.context import sign_in_required
from services.tokens.web.headers import STATIC_FILE_HEADERS, see_other
from services.tokens.web.site import SITE
from services.tokens.web.views import (
    account,
    audit,
    create_integration,
    integration,
    integration_settings,
    integrations,
    people,
    rotate,
    sign_in,
    tokens,
)
from services.tokens.web.views.access_log import logged

_INTEGRATION = "/integrations/{integration_id:[0-9]+}"
_TOKEN = _INTEGRATION + "/tokens/{token_id:[0-9]+}"
_MEMBER = "/people/{member_id:[0-9]+}"


def add_pages(app: web.Application) -> None:
    app[audit.EXPORTS] = []
    app.router.add_routes(
        [
            *_public(),
            *_integrations(),
            *_one_integration(),
            *_audit(),
            *_people(),
            *_account(),
        ]
    )


def _public() -> list[web.RouteDef]:
    return [
        web.get("/", _home),
        web.get("/static/{name}", _static_file),
        web.get("/sign-in", sign_in.show_sign_in),
        web.post("/sign-in", sign_in.sign_in),
        web.post("/sign-out", sign_in_required(sign_in.sign_out)),
        web.get("/link/{secret}", sign_in.show_link),
        web.post("/link/{secret}", sign_in.use_link),
    ]


def _integrations() -> list[web.RouteDef]:
    return [
        web.get("/integrations", sign_in_required(integrations.show)),
        web.get("/integrations/add", sign_in_required(create_integration.choose_kind)),
        web.get("/integrations/add/import-api", sign_in_required(create_integration.show)),
        web.post("/integrations/add/import-api", sign_in_required(create_integration.create)),
    ]


def _one_integration() -> list[web.RouteDef]:
    return [
        web.get(_INTEGRATION, sign_in_required(integration.summary)),
        web.get(_INTEGRATION + "/activity", sign_in_required(logged(integration.show_activity))),
        web.get(_INTEGRATION + "/settings", sign_in_required(integration_settings.show)),
        web.post(_INTEGRATION + "/rename", sign_in_required(integration_settings.rename)),
        web.post(_INTEGRATION + "/pause", sign_in_required(integration_settings.pause)),
        web.post(_INTEGRATION + "/resume", sign_in_required(integration_settings.resume)),
        web.get(_INTEGRATION + "/delete", sign_in_required(integration_settings.confirm_delete)),
        web.post(_INTEGRATION + "/delete", sign_in_required(integration_settings.delete)),
        web.post(_INTEGRATION + "/tokens", sign_in_required(tokens.generate)),
        web.post(_TOKEN + "/label", sign_in_required(tokens.save_label)),
        web.get(_TOKEN + "/revoke", sign_in_required(tokens.confirm_revoke)),
        web.post(_TOKEN + "/revoke", sign_in_required(tokens.revoke)),
        web.get(_INTEGRATION + "/rotate", sign_in_required(rotate.show)),
        web.get(_INTEGRATION + "/rotate/live", sign_in_required(rotate.show_steps)),
    ]


def _audit() -> list[web.RouteDef]:
    return [
        web.get("/audit", sign_in_required(logged(audit.show))),
        web.get("/audit/as-of", sign_in_required(logged(audit.show_tokens_as_of))),
        web.post("/audit/verify", sign_in_required(logged(audit.verify))),
        web.get("/audit/export", sign_in_required(logged(audit.export))),
    ]


def _people() -> list[web.RouteDef]:
    return [
        web.get("/people", sign_in_required(people.show)),
        web.post("/people/invite", sign_in_required(people.invite)),
        web.get(_MEMBER, sign_in_required(people.show_member)),
        web.post(_MEMBER + "/role", sign_in_required(people.change_role)),
        web.post(_MEMBER + "/link", sign_in_required(people.create_link)),
        web.post(_MEMBER + "/remove", sign_in_required(people.remove)),
        web.post(_MEMBER + "/erase", sign_in_required(people.erase_email)),
    ]


def _account() -> list[web.RouteDef]:
    return [
        web.get("/account", sign_in_required(account.show)),
        web.post("/account/password", sign_in_required(account.change_password)),
        web.post("/account/sign-out-everywhere", sign_in_required(account.sign_out_everywhere)),
    ]


async def _home(_: web.Request) -> web.Response:
    return see_other(sign_in.HOME)


async def _static_file(request: web.Request) -> web.Response:
    file = request.app[SITE].templates.static_files.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return web.Response(
        body=file.content,
        content_type=file.content_type,
        charset="utf-8",
        headers=STATIC_FILE_HEADERS,
    )
