"""An integration's *Settings*: its tokens, and rename, pause, resume and delete."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.tokens.domain.commands import PauseIntegration, RenameIntegration, ResumeIntegration
from services.tokens.domain.permissions import Right, require
from services.tokens.limits import ACTIVE_TOKENS_MAX
from services.tokens.refusals import DisplayNameUnusable
from services.tokens.web.context import PageContext
from services.tokens.web.data.tokens import active_tokens, revoked_tokens
from services.tokens.web.forms import one_time_form_id
from services.tokens.web.times import format_machine_time
from services.tokens.web.views.integration import actor_namer, integration_path, load_integration


async def show(context: PageContext, *, status: int = 200, **values: Any) -> web.StreamResponse:
    """``values``: what a refused form contained, and the error to show at its field."""
    integration = await load_integration(context)
    defaults: dict[str, Any] = {
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
        form_id=one_time_form_id(),
        **(defaults | values),
    )


async def rename(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    name = context.form.get("display_name", "").strip()
    try:
        await context.use_cases.integrations.change(
            context.caller, context.integration_id, [RenameIntegration(display_name=name)]
        )
    except DisplayNameUnusable as error:
        return await show(context, status=400, typed_name=name, name_error=error.message)
    return await context.redirect(
        f"{integration_path(integration)}/settings", f"The integration was renamed to {name}."
    )


async def pause(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    command = PauseIntegration(paused_at=format_machine_time(context.now))
    # Pausing again would replace the time of the first pause, which the Connect API returns.
    if integration.state != "paused":
        await context.use_cases.integrations.change(
            context.caller, context.integration_id, [command]
        )
    else:
        require(context.caller, Right.MANAGE_INTEGRATIONS)
    return await context.redirect(
        f"{integration_path(integration)}/settings", "The integration was paused."
    )


async def resume(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    await context.use_cases.integrations.change(
        context.caller, context.integration_id, [ResumeIntegration()]
    )
    return await context.redirect(
        f"{integration_path(integration)}/settings",
        "The integration was resumed. Pushes are accepted again.",
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
