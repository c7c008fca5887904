"""An integration's own pages: what it received, its settings and tokens, what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from services.tokens.domain.commands import PauseIntegration, RenameIntegration, ResumeIntegration
from services.tokens.limits import ACTIVE_TOKENS_MAX
from services.tokens.refusals import (
    DisplayNameUnusable,
    FormUsed,
    TokenLabelUnusable,
    TokenLimitReached,
    TokenNotFound,
)
from services.tokens.use_cases.permissions import Right, require
from services.tokens.use_cases.read_model import IntegrationEntry
from services.tokens.web import access_log
from services.tokens.web.context import Visit, signed_in
from services.tokens.web.data import activity as facts
from services.tokens.web.data.receipts import last_day
from services.tokens.web.data.snippets import first_pushes
from services.tokens.web.data.tokens import ActiveToken, active_tokens, revoked_tokens
from services.tokens.web.forms import once, once_of
from services.tokens.web.paging import whole_number
from services.tokens.web.times import machine_time
from services.tokens.web.views.token_dialog import import_url, show_token, shown_before

# Where a person may have come to a token's confirmation from, and goes back to.
CAME_FROM = ("settings", "rotate")


def add_integration_pages(app: web.Application) -> None:
    integration = "/integrations/{integration_id:[0-9]+}"
    token = integration + "/tokens/{token_id:[0-9]+}"
    app.router.add_routes(
        [
            web.get(integration, signed_in(summary)),
            web.get(integration + "/settings", signed_in(settings)),
            web.get(integration + "/activity", signed_in(access_log.recorded(activity))),
            web.post(integration + "/rename", signed_in(rename)),
            web.post(integration + "/pause", signed_in(pause)),
            web.post(integration + "/resume", signed_in(resume)),
            web.get(integration + "/delete", signed_in(ask_to_delete)),
            web.post(integration + "/delete", signed_in(delete)),
            web.post(integration + "/tokens", signed_in(generate_token)),
            web.post(token + "/label", signed_in(label_token)),
            web.get(token + "/revoke", signed_in(ask_to_revoke)),
            web.post(token + "/revoke", signed_in(revoke_token)),
        ]
    )


def address_of(integration: IntegrationEntry) -> str:
    return f"/integrations/{integration.integration_id}"


async def this_integration(visit: Visit) -> IntegrationEntry:
    """Raises IntegrationNotFound, also for another account's."""
    return await visit.handlers.read_model.integration(visit.caller, visit.integration_id)


async def caller_of(visit: Visit) -> Callable[[str], str]:
    """What a template calls an actor."""
    names = await visit.handlers.members.actor_names(visit.caller)
    return lambda actor: facts.called(actor, names)


async def summary(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    return visit.page(
        "summary.html",
        here="summary",
        integration=integration,
        day=await last_day(visit.site.pool, visit.integration_id, visit.now),
        tokens=await active_tokens(visit.site.pool, visit.integration_id),
        snippets=first_pushes(import_url(visit), integration.account_id, "at_YOUR_TOKEN"),
    )


async def settings(visit: Visit, *, status: int = 200, **context: Any) -> web.StreamResponse:
    integration = await this_integration(visit)
    shown: dict[str, Any] = {
        "typed_name": integration.display_name,
        "name_error": None,
        "label_error": None,
        "new_label": "",
        "new_label_error": None,
    }
    return visit.page(
        "settings.html",
        status=status,
        here="settings",
        integration=integration,
        tokens=await active_tokens(visit.site.pool, visit.integration_id),
        revoked=await revoked_tokens(visit.site.pool, visit.integration_id, visit.now),
        tokens_max=ACTIVE_TOKENS_MAX,
        called=await caller_of(visit),
        form_id=once(),
        **(shown | context),
    )


async def activity(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    before = whole_number(visit.request.query.get("before"), facts.VERSION_MAX)
    names = await visit.handlers.members.actor_names(visit.caller)
    page = await facts.activity(visit.site.pool, visit.integration_id, names, before=before)
    access_log.told(visit, len(page.facts))
    return visit.page(
        "activity.html",
        here="activity",
        integration=integration,
        page=page,
        newest=before == facts.VERSION_MAX,
    )


async def rename(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    name = visit.form.get("display_name", "").strip()
    try:
        await visit.handlers.change_integration(
            visit.caller, visit.integration_id, [RenameIntegration(display_name=name)]
        )
    except DisplayNameUnusable as no:
        return await settings(visit, status=400, typed_name=name, name_error=no.message)
    return await visit.go(f"{address_of(integration)}/settings", f"It is called {name} now.")


async def pause(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    command = PauseIntegration(paused_at=machine_time(visit.now))
    # Paused already: that pause goes on as it is told elsewhere.
    if integration.state != "paused":
        await visit.handlers.change_integration(visit.caller, visit.integration_id, [command])
    else:
        require(visit.caller, Right.MANAGE_INTEGRATIONS)
    return await visit.go(
        f"{address_of(integration)}/settings", "It is paused: every push is refused from now on."
    )


async def resume(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    await visit.handlers.change_integration(
        visit.caller, visit.integration_id, [ResumeIntegration()]
    )
    return await visit.go(
        f"{address_of(integration)}/settings", "It is resumed: pushes are accepted again."
    )


async def ask_to_delete(
    visit: Visit, *, status: int = 200, mistyped: bool = False
) -> web.StreamResponse:
    require(visit.caller, Right.MANAGE_INTEGRATIONS)
    integration = await this_integration(visit)
    return visit.page(
        "delete.html",
        status=status,
        integration=integration,
        at=address_of(integration),
        tokens=await active_tokens(visit.site.pool, visit.integration_id),
        mistyped=mistyped,
    )


async def delete(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    require(visit.caller, Right.MANAGE_INTEGRATIONS)
    if visit.form.get("typed", "").strip() != integration.schema_name:
        return await ask_to_delete(visit, status=400, mistyped=True)
    await visit.handlers.delete_integration(visit.caller, visit.integration_id)
    return await visit.go("/integrations", f"{integration.display_name} was deleted.")


# ---------------------------------------------------------------- tokens


async def generate_token(visit: Visit) -> web.StreamResponse:
    """Answers with the one page that ever shows the token."""
    integration = await this_integration(visit)
    close = f"{address_of(integration)}/{came_from(visit.form.get('from'))}"
    label = visit.form.get("label", "").strip()
    try:
        token = await visit.handlers.generate_token(
            visit.caller, visit.integration_id, label=label, form_id=once_of(visit.form)
        )
    except FormUsed:
        return shown_before(visit, back=close)
    except TokenLabelUnusable as no:
        return await settings(visit, status=400, new_label=label, new_label_error=no.message)
    except TokenLimitReached as no:
        # The page had the button still: another tab, or another person, was first.
        notice = {"kind": "warn", "sentence": f"No token was generated. {no.message}"}
        return await settings(visit, status=409, notice=notice)
    return show_token(visit, integration, token, close=close)


async def label_token(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    label = visit.form.get("label", "").strip()
    try:
        await visit.handlers.label_token(visit.caller, visit.integration_id, visit.token_id, label)
    except TokenLabelUnusable as no:
        return await settings(visit, status=400, label_error=no.message)
    except TokenNotFound:
        return await _revoked_before(visit, integration)
    return await visit.go(f"{address_of(integration)}/settings", "The label was saved.")


async def ask_to_revoke(visit: Visit) -> web.StreamResponse:
    require(visit.caller, Right.MANAGE_INTEGRATIONS)
    integration = await this_integration(visit)
    try:
        token, others = await _this_token(visit)
    except TokenNotFound:
        return await _revoked_before(visit, integration)
    return visit.page(
        "revoke.html",
        integration=integration,
        at=address_of(integration),
        token=token,
        others=others,
        came_from=came_from(visit.request.query.get("from")),
    )


async def revoke_token(visit: Visit) -> web.StreamResponse:
    integration = await this_integration(visit)
    require(visit.caller, Right.MANAGE_INTEGRATIONS)
    try:
        token, _ = await _this_token(visit)
        await visit.handlers.revoke_token(visit.caller, visit.integration_id, visit.token_id)
    except TokenNotFound:
        return await _revoked_before(visit, integration)
    told = f"Token …{token.last_four} was revoked: every push with it is refused from now on."
    return await visit.go(f"{address_of(integration)}/settings", told)


async def _revoked_before(visit: Visit, integration: IntegrationEntry) -> web.StreamResponse:
    """The page had the button still: another tab, another person or a first click was before.

    Raises TokenNotFound for a token that never was this integration's.
    """
    for token in await revoked_tokens(visit.site.pool, visit.integration_id, visit.now):
        if token.token_id == visit.token_id:
            told = f"Token …{token.last_four} is revoked already: every push with it is refused."
            return await visit.go(f"{address_of(integration)}/settings", told, kind="warn")
    raise TokenNotFound


async def _this_token(visit: Visit) -> tuple[ActiveToken, list[ActiveToken]]:
    """And the others. Raises TokenNotFound for one that is not active in this integration."""
    tokens = await active_tokens(visit.site.pool, visit.integration_id)
    for token in tokens:
        if token.token_id == visit.token_id:
            return token, [other for other in tokens if other is not token]
    raise TokenNotFound


def came_from(text: str | None) -> str:
    return text if text in CAME_FROM else CAME_FROM[0]
