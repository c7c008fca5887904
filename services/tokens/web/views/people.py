"""People: list the account's members; owners invite, change roles, and remove."""

from __future__ import annotations

from typing import cast, get_args

from aiohttp import web

from events.types import Role
from services.tokens.refusals import (
    CommandRefused,
    EmailTaken,
    EmailUnusable,
    LastOwner,
    MemberLimitReached,
    MemberNotFound,
)
from services.tokens.sign_in.one_time_links import NewLink
from services.tokens.use_cases.members import MemberEntry
from services.tokens.web.context import PageContext

ROLES: dict[Role, str] = {
    "owner": "Everything, including people and roles",
    "member": "Integrations and their tokens",
    "auditor": "Read everything, change nothing",
}


async def show(context: PageContext) -> web.Response:
    return await _render(context)


async def invite(context: PageContext) -> web.Response:
    email, role = context.form.get("email", ""), _role(context)
    try:
        link = await context.use_cases.members.invite(context.caller, email, role)
    except (EmailUnusable, EmailTaken, MemberLimitReached) as error:
        return await _render(context, error, email=email, role=role, status=422)
    return await _render_link(context, link)


async def show_member(context: PageContext) -> web.Response:
    return context.render("member.html", person=await _member(context), roles=ROLES, error=None)


async def change_role(context: PageContext) -> web.Response:
    role = _role(context)
    try:
        await context.use_cases.members.change_role(context.caller, context.member_id, role)
    except LastOwner as error:
        return await _render_member_error(context, error)
    return await context.redirect("/people", f"The role was changed to {role}.")


async def create_link(context: PageContext) -> web.Response:
    link = await context.use_cases.members.renew_link(context.caller, context.member_id)
    return await _render_link(context, link)


async def remove(context: PageContext) -> web.Response:
    member = await _member(context)
    try:
        await context.use_cases.members.remove(context.caller, context.member_id)
    except LastOwner as error:
        return await _render_member_error(context, error)
    return await context.redirect(
        "/people", f"{_member_name(member)} was removed and signed out everywhere."
    )


async def erase_email(context: PageContext) -> web.Response:
    await context.use_cases.members.erase_email(context.caller, context.member_id)
    return await context.redirect(
        "/people", f"The e-mail address of member {context.member_id} was deleted."
    )


async def _render(
    context: PageContext,
    error: CommandRefused | None = None,
    *,
    email: str = "",
    role: Role = "member",
    status: int = 200,
) -> web.Response:
    members = context.use_cases.members
    return context.render(
        "people.html",
        status=status,
        people=await members.list_members(context.caller),
        removed=await members.list_removed(context.caller),
        roles=ROLES,
        email=email,
        role=role,
        error=error.message if error else None,
        error_code=error.code if error else "",
    )


async def _render_link(context: PageContext, link: NewLink) -> web.Response:
    member = await _find_member(context, link.member_id)
    return context.render(
        "one_time_link.html",
        link_url=context.site.base_url(context.request) + link.path,
        link=link,
        member_name=_member_name(member),
    )


async def _render_member_error(context: PageContext, error: CommandRefused) -> web.Response:
    member = await _member(context)
    return context.render(
        "member.html", status=422, person=member, roles=ROLES, error=error.message
    )


async def _member(context: PageContext) -> MemberEntry:
    return await _find_member(context, context.member_id)


async def _find_member(context: PageContext, member_id: int) -> MemberEntry:
    for member in await context.use_cases.members.list_members(context.caller):
        if member.member_id == member_id:
            return member
    raise MemberNotFound


def _member_name(member: MemberEntry) -> str:
    return member.email or f"Member {member.member_id}"


def _role(context: PageContext) -> Role:
    """A role that the form does not offer becomes ``auditor``, the role with the fewest rights."""
    given = context.form.get("role", "")
    return cast("Role", given) if given in get_args(Role) else "auditor"
