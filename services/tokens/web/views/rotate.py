"""Rotate a token step by step: generate a second one, wait for its first use, revoke the first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from aiohttp import web

from services.tokens.web.context import PageContext
from services.tokens.web.data.tokens import ActiveToken, active_tokens
from services.tokens.web.forms import one_time_form_id
from services.tokens.web.views.integration import integration_path, load_integration

# A token that was used longer ago than this may be idle; it may also be used again.
IN_USE_WITHIN = timedelta(minutes=15)
# For static/live.js: "yes" if the steps can no longer change by themselves.
SETTLED_HEADER = "Pushgate-Settled"

OldTokenUse = Literal["unused since", "used since", "in use"]


async def show(context: PageContext) -> web.StreamResponse:
    return context.render("rotate.html", **await _steps(context))


async def show_steps(context: PageContext) -> web.StreamResponse:
    """The steps alone, which the open page fetches every few seconds."""
    steps = await _steps(context)
    response = context.render_fragment("rotate_steps.html", **steps)
    response.headers[SETTLED_HEADER] = "no" if steps["new"] else "yes"
    return response


async def _steps(context: PageContext) -> dict[str, Any]:
    integration = await load_integration(context)
    tokens = await active_tokens(context.site.pool, context.integration_id)
    old = tokens[-1] if tokens else None
    new = tokens[0] if len(tokens) > 1 else None
    return {
        "integration": integration,
        "at": integration_path(integration),
        "tokens": tokens,
        "form_id": one_time_form_id(),
        "new": new,
        "old": old,
        "old_use": old_token_use(old, new, context.now),
    }


def old_token_use(
    old: ActiveToken | None, new: ActiveToken | None, now: datetime
) -> OldTokenUse | None:
    """How the old token was used after the first use of the new one; None before that use."""
    if old is None or new is None or new.first_used_at is None:
        return None
    if old.last_used_at is None or old.last_used_at <= new.first_used_at:
        return "unused since"
    return "in use" if now - old.last_used_at < IN_USE_WITHIN else "used since"
