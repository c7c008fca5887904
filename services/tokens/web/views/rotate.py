"""Rotating a token, guided: generate the second, see it used, revoke the first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from aiohttp import web

from services.tokens.web.context import Visit, signed_in
from services.tokens.web.data.tokens import ActiveToken, active_tokens
from services.tokens.web.forms import once
from services.tokens.web.views.integration import address_of, this_integration

# Older use than that does not say that something still pushes; nor that nothing will again.
STILL = timedelta(minutes=15)
SETTLED = "Pushgate-Settled"

OldUse = Literal["over", "late", "still"]


def add_rotation(app: web.Application) -> None:
    rotate = "/integrations/{integration_id:[0-9]+}/rotate"
    app.router.add_routes(
        [
            web.get(rotate, signed_in(rotation)),
            web.get(rotate + "/live", signed_in(live)),
        ]
    )


async def rotation(visit: Visit) -> web.StreamResponse:
    return visit.page("rotate.html", **await _steps(visit))


async def live(visit: Visit) -> web.StreamResponse:
    """The steps alone, for the page that is open; it tells when nothing further will come."""
    steps = await _steps(visit)
    response = visit.piece("rotate_steps.html", **steps)
    response.headers[SETTLED] = "no" if steps["new"] else "yes"
    return response


async def _steps(visit: Visit) -> dict[str, Any]:
    integration = await this_integration(visit)
    tokens = await active_tokens(visit.site.pool, visit.integration_id)
    old = tokens[-1] if tokens else None
    new = tokens[0] if len(tokens) > 1 else None
    return {
        "integration": integration,
        "at": address_of(integration),
        "tokens": tokens,
        "form_id": once(),
        "new": new,
        "old": old,
        "old_use": old_use(old, new, visit.now),
    }


def old_use(old: ActiveToken | None, new: ActiveToken | None, now: datetime) -> OldUse | None:
    """Whether something came with the old token after something else had the new one.

    ``late``: it did, but not just now. None before the new one was used.
    """
    if old is None or new is None or new.first_used_at is None:
        return None
    if old.last_used_at is None or old.last_used_at <= new.first_used_at:
        return "over"
    return "still" if now - old.last_used_at < STILL else "late"
