"""An integration's *Summary* and *Activity*, and what all of its pages share."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from services.tokens.use_cases.read_model import IntegrationEntry
from services.tokens.web.context import PageContext
from services.tokens.web.data import activity
from services.tokens.web.data.receipts import last_24_hours
from services.tokens.web.data.snippets import PLACEHOLDER, push_snippets
from services.tokens.web.data.tokens import active_tokens
from services.tokens.web.paging import parse_number
from services.tokens.web.views.access_log import count_lines


def integration_path(integration: IntegrationEntry) -> str:
    return f"/integrations/{integration.integration_id}"


async def load_integration(context: PageContext) -> IntegrationEntry:
    """Raises IntegrationNotFound, also for an integration of another account."""
    return await context.use_cases.read_model.integration(context.caller, context.integration_id)


async def actor_namer(context: PageContext) -> Callable[[str], str]:
    """For templates: a function from the actor of an event to a name."""
    names = await context.use_cases.members.actor_names(context.caller)
    return lambda actor: activity.actor_name(actor, names)


async def summary(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    return context.render(
        "summary.html",
        here="summary",
        integration=integration,
        day=await last_24_hours(context.site.pool, context.integration_id, context.now),
        tokens=await active_tokens(context.site.pool, context.integration_id),
        snippets=push_snippets(context.import_url, integration.account_id, PLACEHOLDER),
    )


async def show_activity(context: PageContext) -> web.StreamResponse:
    integration = await load_integration(context)
    before = parse_number(context.request.query.get("before"), activity.VERSION_MAX)
    names = await context.use_cases.members.actor_names(context.caller)
    page = await activity.integration_activity(
        context.site.pool, context.integration_id, names, before=before
    )
    count_lines(context, len(page.entries))
    return context.render(
        "activity.html",
        here="activity",
        integration=integration,
        page=page,
        newest=before == activity.VERSION_MAX,
    )
