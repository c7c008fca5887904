"""Rotating a token, guided: generate the second, see it used, revoke the first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from aiohttp import web

from services.tokens.web.context import PageContext, sign_in_required
from services.tokens.web.data.tokens import ActiveToken, active_tokens
from services.tokens.web.forms import new_form_id_text
from services.tokens.web.views.integration import integration_path, load_integration

# Older use than that does not say that something still pushes; nor that nothing will again.
IN_USE_WITHIN = timedelta(minutes=15)
SETTLED_HEADER = "Pushgate-Settled"

OldTokenUse = Literal["over", "late", "still"]


def add_rotation_pages(app: web.Application) -> None:
    rotate = "/integrations/{integration_id:[0-9]+}/rotate"
    app.router.add_routes(
        [
            web.get(rotate, sign_in_required(rotation)),
            web.get(rotate + "/live", sign_in_required(live)),
        ]
    )


async def rotation(context: PageContext) -> web.StreamResponse:
    return context.render("rotate.html", **await _steps(context))


async def live(context: PageContext) -> web.StreamResponse:
    """The steps alone, for the page that is open; it tells when nothing further will come."""
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
        "form_id": new_form_id_text(),
        "new": new,
        "old": old,
        "old_use": old_token_use(old, new, context.now),
    }


def old_token_use(
    old: ActiveToken | None, new: ActiveToken | None, now: datetime
) -> OldTokenUse | None:
    """Whether something came with the old token after something else had the new one.

    ``late``: it did, but not just now. None before the new one was used.
    """
    if old is None or new is None or new.first_used_at is None:
        return None
    if old.last_used_at is None or old.last_used_at <= new.first_used_at:
        return "over"
    return "still" if now - old.last_used_at < IN_USE_WITHIN else "late"
