"""The account's people: who they are, and what an owner can do about it."""

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
from services.tokens.web.context import Visit

ROLES: dict[Role, str] = {
    "owner": "Everything, people and roles too",
    "member": "Integrations and their tokens",
    "auditor": "Reads everything, changes nothing",
}


async def show_all(visit: Visit) -> web.Response:
    return await _draw(visit)


async def invite(visit: Visit) -> web.Response:
    email, role = visit.form.get("email", ""), _role(visit)
    try:
        link = await visit.handlers.members.invite(visit.caller, email, role)
    except (EmailUnusable, EmailTaken, MemberLimitReached) as no:
        return await _draw(visit, no, email=email, role=role, status=422)
    return await _show_link(visit, link)


async def show(visit: Visit) -> web.Response:
    return visit.page("member.html", one=await _member(visit), roles=ROLES, error=None)


async def change_role(visit: Visit) -> web.Response:
    role = _role(visit)
    try:
        await visit.handlers.members.change_role(visit.caller, visit.member_id, role)
    except LastOwner as no:
        return await _refused(visit, no)
    return await visit.go("/people", f"The role is {role} now.")


async def renew_link(visit: Visit) -> web.Response:
    link = await visit.handlers.members.renew_link(visit.caller, visit.member_id)
    return await _show_link(visit, link)


async def remove(visit: Visit) -> web.Response:
    one = await _member(visit)
    try:
        await visit.handlers.members.remove(visit.caller, visit.member_id)
    except LastOwner as no:
        return await _refused(visit, no)
    return await visit.go("/people", f"{_called(one)} was removed, and is signed out everywhere.")


async def erase(visit: Visit) -> web.Response:
    await visit.handlers.members.erase_email(visit.caller, visit.member_id)
    return await visit.go("/people", f"The address of member {visit.member_id} is erased.")


async def _show_link(visit: Visit, link: NewLink) -> web.Response:
    address = visit.site.address(visit.request) + link.path
    found = await _found(visit, link.member_id)
    return visit.page("invited.html", address=address, link=link, called=_called(found))


async def _draw(
    visit: Visit,
    no: CommandRefused | None = None,
    *,
    email: str = "",
    role: Role = "member",
    status: int = 200,
) -> web.Response:
    members = visit.handlers.members
    return visit.page(
        "people.html",
        status=status,
        people=await members.list_members(visit.caller),
        removed=await members.list_removed(visit.caller),
        roles=ROLES,
        email=email,
        role=role,
        error=no.message if no else None,
        error_code=no.code if no else "",
    )


async def _refused(visit: Visit, no: CommandRefused) -> web.Response:
    one = await _member(visit)
    return visit.page("member.html", status=422, one=one, roles=ROLES, error=no.message)


async def _member(visit: Visit) -> MemberEntry:
    return await _found(visit, visit.member_id)


async def _found(visit: Visit, member_id: int) -> MemberEntry:
    for one in await visit.handlers.members.list_members(visit.caller):
        if one.member_id == member_id:
            return one
    raise MemberNotFound


def _called(one: MemberEntry) -> str:
    return one.email or f"Member {one.member_id}"


def _role(visit: Visit) -> Role:
    """What the page does not offer is the least that there is."""
    given = visit.form.get("role", "")
    return cast("Role", given) if given in get_args(Role) else "auditor"
