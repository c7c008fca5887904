"""Add an integration: choose its kind, name it, save, and get its first token."""

from __future__ import annotations

from aiohttp import web

from services.tokens.domain.permissions import Right, require
from services.tokens.domain.schema_name import derive_schema_name, is_usable
from services.tokens.limits import DISPLAY_NAME_CHARACTERS_MAX, SCHEMA_NAME_CHARACTERS_MAX
from services.tokens.refusals import FormUsed, NameTaken, NameUnusable
from services.tokens.web.context import PageContext
from services.tokens.web.forms import form_id_of, new_form_id_text
from services.tokens.web.views.token_dialog import show_token, token_already_shown


async def choose_kind(context: PageContext) -> web.Response:
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    return context.render("create_integration.html")


async def show(context: PageContext) -> web.Response:
    """Without scripts the button *Show the schema name* asks for this page with the name so far."""
    require(context.caller, Right.MANAGE_INTEGRATIONS)
    return _form(context, context.request.query.get("name", ""), form_id=new_form_id_text())


async def create(context: PageContext) -> web.Response:
    name = context.form.get("name", "").strip()
    if "preview" in context.form:
        require(context.caller, Right.MANAGE_INTEGRATIONS)
        return _form(context, name, form_id=str(form_id_of(context.form)))
    try:
        created = await context.use_cases.integrations.create(
            context.caller, name, with_token=True, form_id=form_id_of(context.form)
        )
    except (NameTaken, NameUnusable) as no:
        return _form(
            context, name, form_id=new_form_id_text(), error=_error_message(no), status=422
        )
    except FormUsed:
        return token_already_shown(context, back="/integrations")
    assert created.token is not None, "it was asked for"
    integration = await context.use_cases.read_model.integration(
        context.caller, created.integration_id
    )
    close = f"/integrations/{created.integration_id}"
    return show_token(context, integration, created.token, close=close)


def _form(
    context: PageContext, name: str, *, form_id: str, error: str | None = None, status: int = 200
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


def _error_message(no: NameTaken | NameUnusable) -> str:
    if isinstance(no, NameTaken):
        return f"The schema name {no.schema_name} is in use. Choose another name."
    if not no.schema_name:
        return "This name leaves no schema name: use some of the letters a to z."
    if is_usable(no.schema_name):
        return f"A name has 1 to {DISPLAY_NAME_CHARACTERS_MAX} characters on one line."
    return (
        f"{no.schema_name} can't be a schema's name: that has at most {SCHEMA_NAME_CHARACTERS_MAX}"
        " characters, begins with a letter or an underscore, and is none of PostgreSQL's own."
    )
