"""An integration's access tokens: generate, label and revoke them."""

from __future__ import annotations

from aiohttp import web

from services.tokens.domain.permissions import Right, require
from services.tokens.refusals import (
    FormUsed,
    TokenLabelUnusable,
    TokenLimitReached,
    TokenNotFound,
)
from services.tokens.use_cases.read_model import IntegrationEntry
from services.tokens.web.context import PageContext
from services.tokens.web.data.tokens import ActiveToken, active_tokens, revoked_tokens
from services.tokens.web.forms import form_id_of
from services.tokens.web.views import integration_settings
from services.tokens.web.views.integration import integration_path, load_integration
from services.tokens.web.views.token_dialog import show_token, token_already_shown

# The pages from which a token form can be opened, and to which it returns.
RETURN_PAGES = ("settings", "rotate")


async def generate(context: PageContext) -> web.StreamResponse:
    """Respond with the only page that ever shows the token."""
    integration = await load_integration(context)
    close = f"{integration_path(integration)}/{return_page(context.form.get('from'))}"
    label = context.form.get("label", "").strip()
    try:
        token = await context.use_cases.integrations.generate_token(
            context.caller, context.integration_id, label=label, form_id=form_id_of(context.form)
        )
    except FormUsed:
        return token_already_shown(context, back=close)
    except TokenLabelUnusable as error:
        return await integration_settings.show(
            context, status=400, new_label=label, new_label_error=error.message
        )
    except TokenLimitReached as error:
        # The page still offered the button: another tab or person generated a token first.
        notice = {"kind": "warn", "message": f"No token was generated. {error.message}"}
        return await integration_settings.show(context, status=409, notice=notice)
    return show_token(context, integration, token, close=close)


async def save_label(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    label = context.form.get("label", "").strip()
    try:
        await context.use_cases.integrations.label_token(
            context.caller, context.integration_id, context.token_id, label
        )
    except TokenLabelUnusable as error:
        return await integration_settings.show(context, status=400, label_error=error.message)
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


async def revoke(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    try:
        token, _ = await _active_token(context)
        await context.use_cases.integrations.revoke_token(
            context.caller, context.integration_id, context.token_id
        )
    except TokenNotFound:
        return await _already_revoked(context, integration)
    return await context.redirect(
        f"{integration_path(integration)}/settings",
        f"Token …{token.last_four} was revoked. Every push with it is refused from now on.",
    )


async def _already_revoked(
    context: PageContext, integration: IntegrationEntry
) -> web.StreamResponse:
    """Another tab, another person or the first of two clicks revoked the token.

    Raises TokenNotFound for a token that never belonged to this integration.
    """
    for token in await revoked_tokens(context.site.pool, context.integration_id, context.now):
        if token.token_id == context.token_id:
            return await context.redirect(
                f"{integration_path(integration)}/settings",
                f"Token …{token.last_four} is already revoked. Every push with it is refused.",
                kind="warn",
            )
    raise TokenNotFound


async def _active_token(context: PageContext) -> tuple[ActiveToken, list[ActiveToken]]:
    """Return the token of the path and the integration's other active tokens.

    Raises TokenNotFound if the token is not active in this integration.
    """
    tokens = await active_tokens(context.site.pool, context.integration_id)
    for token in tokens:
        if token.token_id == context.token_id:
            return token, [other for other in tokens if other is not token]
    raise TokenNotFound


def return_page(text: str | None) -> str:
    return text if text in RETURN_PAGES else RETURN_PAGES[0]
