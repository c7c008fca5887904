"""An integration's own pages: what it received, its settings and tokens, what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from services.tokens.domain.commands import PauseIntegration, RenameIntegration, ResumeIntegration
from services.tokens.domain.permissions import Right, require
from services.tokens.limits import ACTIVE_TOKENS_MAX
from services.tokens.refusals import (
    DisplayNameUnusable,
    FormUsed,
    TokenLabelUnusable,
    TokenLimitReached,
    TokenNotFound,
)
from services.tokens.use_cases.read_model import IntegrationEntry
from services.tokens.web import access_log
from services.tokens.web.context import PageContext, sign_in_required
from services.tokens.web.data import activity as activity_data
from services.tokens.web.data.receipts import last_24_hours
from services.tokens.web.data.snippets import push_snippets
from services.tokens.web.data.tokens import ActiveToken, active_tokens, revoked_tokens
from services.tokens.web.forms import form_id_of, new_form_id_text
from services.tokens.web.paging import parse_number
from services.tokens.web.times import format_machine_time
from services.tokens.web.views.token_dialog import import_url, show_token, token_already_shown

# Where a person may have come to a token's confirmation from, and goes back to.
RETURN_PAGES = ("settings", "rotate")


def add_integration_pages(app: web.Application) -> None:
    integration = "/integrations/{integration_id:[0-9]+}"
    token = integration + "/tokens/{token_id:[0-9]+}"
    app.router.add_routes(
        [
            web.get(integration, sign_in_required(summary)),
            web.get(integration + "/settings", sign_in_required(settings)),
            web.get(integration + "/activity", sign_in_required(access_log.logged(activity))),
            web.post(integration + "/rename", sign_in_required(rename)),
            web.post(integration + "/pause", sign_in_required(pause)),
            web.post(integration + "/resume", sign_in_required(resume)),
            web.get(integration + "/delete", sign_in_required(confirm_delete)),
            web.post(integration + "/delete", sign_in_required(delete)),
            web.post(integration + "/tokens", sign_in_required(generate_token)),
            web.post(token + "/label", sign_in_required(label_token)),
            web.get(token + "/revoke", sign_in_required(confirm_revoke)),
            web.post(token + "/revoke", sign_in_required(revoke_token)),
        ]
    )


def integration_path(integration: IntegrationEntry) -> str:
    return f"/integrations/{integration.integration_id}"


async def load_integration(context: PageContext) -> IntegrationEntry:
    """Raises IntegrationNotFound, also for another account's."""
    return await context.use_cases.read_model.integration(context.caller, context.integration_id)


async def actor_namer(context: PageContext) -> Callable[[str], str]:
    """What a template calls an actor."""
    names = await context.use_cases.members.actor_names(context.caller)
    return lambda actor: activity_data.actor_name(actor, names)


async def summary(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    return context.render(
        "summary.html",
        here="summary",
        integration=integration,
        day=await last_24_hours(context.site.pool, context.integration_id, context.now),
        tokens=await active_tokens(context.site.pool, context.integration_id),
        snippets=push_snippets(import_url(context), integration.account_id, "at_YOUR_TOKEN"),
    )


async def settings(context: PageContext, *, status: int = 200, **values: Any) -> web.StreamResponse:
    integration = await load_integration(context)
    shown: dict[str, Any] = {
        "typed_name": integration.display_name,
        "name_error": None,
        "label_error": None,
        "new_label": "",
        "new_label_error": None,
    }
    return context.render(
        "settings.html",
        status=status,
        here="settings",
        integration=integration,
        tokens=await active_tokens(context.site.pool, context.integration_id),
        revoked=await revoked_tokens(context.site.pool, context.integration_id, context.now),
        tokens_max=ACTIVE_TOKENS_MAX,
        actor_name=await actor_namer(context),
        form_id=new_form_id_text(),
        **(shown | values),
    )


async def activity(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    before = parse_number(context.request.query.get("before"), activity_data.VERSION_MAX)
    names = await context.use_cases.members.actor_names(context.caller)
    page = await activity_data.integration_activity(
        context.site.pool, context.integration_id, names, before=before
    )
    access_log.count_lines(context, len(page.entries))
    return context.render(
        "activity.html",
        here="activity",
        integration=integration,
        page=page,
        newest=before == activity_data.VERSION_MAX,
    )


async def rename(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    name = context.form.get("display_name", "").strip()
    try:
        await context.use_cases.integrations.change(
            context.caller, context.integration_id, [RenameIntegration(display_name=name)]
        )
    except DisplayNameUnusable as no:
        return await settings(context, status=400, typed_name=name, name_error=no.message)
    return await context.redirect(
        f"{integration_path(integration)}/settings", f"It is called {name} now."
    )


async def pause(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    command = PauseIntegration(paused_at=format_machine_time(context.now))
    # Paused already: that pause goes on as it is told elsewhere.
    if integration.state != "paused":
        await context.use_cases.integrations.change(
            context.caller, context.integration_id, [command]
        )
    else:
        require(context.caller, Right.MANAGE_INTEGRATIONS)
    return await context.redirect(
        f"{integration_path(integration)}/settings",
        "It is paused: every push is refused from now on.",
    )


async def resume(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    await context.use_cases.integrations.change(
        context.caller, context.integration_id, [ResumeIntegration()]
    )
    return await context.redirect(
        f"{integration_path(integration)}/settings", "It is resumed: pushes are accepted again."
    )


async def confirm_delete(
    context: PageContext, *, status: int = 200, mistyped: bool = False
) -> web.StreamResponse:
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    integration = await load_integration(context)
    return context.render(
        "confirm_delete.html",
        status=status,
        integration=integration,
        at=integration_path(integration),
        tokens=await active_tokens(context.site.pool, context.integration_id),
        mistyped=mistyped,
    )


async def delete(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    if context.form.get("typed", "").strip() != integration.schema_name:
        return await confirm_delete(context, status=400, mistyped=True)
    await context.use_cases.integrations.delete(context.caller, context.integration_id)
    return await context.redirect("/integrations", f"{integration.display_name} was deleted.")


# ---------------------------------------------------------------- tokens


async def generate_token(context: PageContext) -> web.StreamResponse:
    """Answers with the one page that ever shows the token."""
    integration = await load_integration(context)
    close = f"{integration_path(integration)}/{return_page(context.form.get('from'))}"
    label = context.form.get("label", "").strip()
    try:
        token = await context.use_cases.integrations.generate_token(
            context.caller, context.integration_id, label=label, form_id=form_id_of(context.form)
        )
    except FormUsed:
        return token_already_shown(context, back=close)
    except TokenLabelUnusable as no:
        return await settings(context, status=400, new_label=label, new_label_error=no.message)
    except TokenLimitReached as no:
        # The page had the button still: another tab, or another person, was first.
        notice = {"kind": "warn", "sentence": f"No token was generated. {no.message}"}
        return await settings(context, status=409, notice=notice)
    return show_token(context, integration, token, close=close)


async def label_token(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    label = context.form.get("label", "").strip()
    try:
        await context.use_cases.integrations.label_token(
            context.caller, context.integration_id, context.token_id, label
        )
    except TokenLabelUnusable as no:
        return await settings(context, status=400, label_error=no.message)
    except TokenNotFound:
        return await _already_revoked(context, integration)
    return await context.redirect(
        f"{integration_path(integration)}/settings", "The label was saved."
    )


async def confirm_revoke(context: PageContext) -> web.StreamResponse:
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    integration = await load_integration(context)
    try:
        token, others = await _active_token(context)
    except TokenNotFound:
        return await _already_revoked(context, integration)
    return context.render(
        "confirm_revoke.html",
        integration=integration,
        at=integration_path(integration),
        token=token,
        others=others,
        return_page=return_page(context.request.query.get("from")),
    )


async def revoke_token(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    try:
        token, _ = await _active_token(context)
        await context.use_cases.integrations.revoke_token(
            context.caller, context.integration_id, context.token_id
        )
    except TokenNotFound:
        return await _already_revoked(context, integration)
    told = f"Token …{token.last_four} was revoked: every push with it is refused from now on."
    return await context.redirect(f"{integration_path(integration)}/settings", told)


async def _already_revoked(
    context: PageContext, integration: IntegrationEntry
) -> web.StreamResponse:
    """The page had the button still: another tab, another person or a first click was before.

    Raises TokenNotFound for a token that never was this integration's.
    """
    for token in await revoked_tokens(context.site.pool, context.integration_id, context.now):
        if token.token_id == context.token_id:
            told = f"Token …{token.last_four} is revoked already: every push with it is refused."
            return await context.redirect(
                f"{integration_path(integration)}/settings", told, kind="warn"
            )
    raise TokenNotFound


async def _active_token(context: PageContext) -> tuple[ActiveToken, list[ActiveToken]]:
    """And the others. Raises TokenNotFound for one that is not active in this integration."""
    tokens = await active_tokens(context.site.pool, context.integration_id)
    for token in tokens:
        if token.token_id == context.token_id:
            return token, [other for other in tokens if other is not token]
    raise TokenNotFound


def return_page(text: str | None) -> str:
    return text if text in RETURN_PAGES else RETURN_PAGES[0]
