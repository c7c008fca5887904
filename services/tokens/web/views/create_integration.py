"""Add an integration: choose its kind, name it, save it, and show its first token."""

from __future__ import annotations

from aiohttp import web

from services.tokens.domain.permissions import Right, require
from services.tokens.domain.schema_name import derive_schema_name, is_usable
from services.tokens.limits import DISPLAY_NAME_CHARACTERS_MAX, SCHEMA_NAME_CHARACTERS_MAX
from services.tokens.refusals import FormUsed, NameTaken, NameUnusable
from services.tokens.web.context import PageContext
from services.tokens.web.forms import form_id_of, one_time_form_id
from services.tokens.web.views.token_dialog import show_token, token_already_shown


async def choose_kind(context: PageContext) -> web.Response:
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    return context.render("create_integration.html")


async def show(context: PageContext) -> web.Response:
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    return _form(context, context.request.query.get("name", ""), form_id=one_time_form_id())


async def create(context: PageContext) -> web.Response:
    """Without JavaScript, the button *Show schema name* submits the form with ``preview``."""
    name = context.form.get("name", "").strip()
    if "preview" in context.form:
        require(context.caller, Right.MANAGE_INTEGRATIONS)
        return _form(context, name, form_id=str(form_id_of(context.form)))
    try:
        created = await context.use_cases.integrations.create(
            context.caller, name, with_token=True, form_id=form_id_of(context.form)
        )
    except (NameTaken, NameUnusable) as error:
        message = _error_message(error)
        return _form(context, name, form_id=one_time_form_id(), error=message, status=422)
    except FormUsed:
        return token_already_shown(context, back="/integrations")
    assert created.token is not None, "requested by with_token"
    integration = await context.use_cases.read_model.integration(
        context.caller, created.integration_id
    )
    close = f"/integrations/{created.integration_id}"
    return show_token(context, integration, created.token, close=close)


def _form(
    context: PageContext,
    name: str,
    *,
    form_id: str,
    error: str | None = None,
    status: int = 200,
) -> web.Response:
    schema_name = derive_schema_name(name)
    return context.render(
        "create_import_api.html",
        status=status,
        name=name,
        schema_name=schema_name,
        usable=is_usable(schema_name),
        error=error,
        form_id=form_id,
        characters_max=DISPLAY_NAME_CHARACTERS_MAX,
        schema_characters_max=SCHEMA_NAME_CHARACTERS_MAX,
    )


def _error_message(error: NameTaken | NameUnusable) -> str:
    if isinstance(error, NameTaken):
        return f"The schema name {error.schema_name} is already in use. Choose another name."
    if not error.schema_name:
        return "No schema name can be derived from this name. Use some of the letters a to z."
    if is_usable(error.schema_name):
        return f"Enter a name of 1 to {DISPLAY_NAME_CHARACTERS_MAX} characters on one line."
    return (
        f"{error.schema_name} is not a valid schema name. A schema name has at most"
        f" {SCHEMA_NAME_CHARACTERS_MAX} characters, starts with a letter or an underscore, and is"
        " not reserved by PostgreSQL."
    )
