"""Members: who may sign in to the pages, and one-time links for them."""

import argparse
from typing import get_args

from cli.command import Subparsers, add_command, add_group
from cli.errors import CommandFailed
from cli.installation import installation_of
from cli.operator_access import add_account_options, operator_access
from cli.output import columns, facts, show
from cli.times import format_time
from events.ids import MemberId
from events.types import Role
from services.tokens.domain.email_address import normalize_email
from services.tokens.domain.permissions import Caller
from services.tokens.sign_in.one_time_links import NewLink
from services.tokens.use_cases.members import MemberEntry, Members


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "members", summary="who may sign in to the pages")
    parser = add_command(group, "invite", invite, summary="add somebody; prints a one-time link")
    parser.add_argument(
        "email", metavar="EMAIL", nargs="?", help="without it, whoever uses the link says it"
    )
    parser.add_argument("--role", choices=get_args(Role), default="member", help="default: member")
    add_account_options(parser)
    parser = add_command(group, "list", list_members, summary="everybody, oldest first")
    add_account_options(parser)
    parser = add_command(
        group, "link", link, summary="a new one-time link, for somebody who can't sign in"
    )
    _add_member(parser)
    parser = add_command(group, "role", role, summary="give a member another role")
    _add_member(parser)
    parser.add_argument("role", metavar="ROLE", choices=get_args(Role))
    parser = add_command(group, "remove", remove, summary="sign somebody out for good, at once")
    _add_member(parser)
    parser = add_command(
        group, "erase", erase, summary="forget the address of somebody who was removed"
    )
    parser.add_argument("id", metavar="ID", type=int)
    add_account_options(parser)


def _add_member(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("member", metavar="MEMBER", help="a number or an e-mail address")
    add_account_options(parser)


async def invite(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        made = await use_cases.members.invite(caller, arguments.email, arguments.role)
    _show_link(arguments, made)


async def link(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        member_id = await _member(use_cases.members, caller, arguments.member)
        made = await use_cases.members.renew_link(caller, member_id)
    _show_link(arguments, made)


async def list_members(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        found = await use_cases.members.list_members(caller)
    documents = [_document(one) for one in found]
    titles = ("id", "email", "role", "added_at", "seen_at")
    rows = [[one[title] for title in titles] for one in documents]
    show(arguments, documents, columns(("id", "e-mail", "role", "added", "last seen"), rows))


async def role(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        member_id = await _member(use_cases.members, caller, arguments.member)
        await use_cases.members.change_role(caller, member_id, arguments.role)
    document = {"id": member_id, "role": arguments.role}
    show(arguments, document, f"member {member_id} has the role {arguments.role}")


async def remove(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        member_id = await _member(use_cases.members, caller, arguments.member)
        await use_cases.members.remove(caller, member_id)
    show(arguments, {"id": member_id}, f"member {member_id} is removed and signed out")


async def erase(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        await use_cases.members.erase_email(caller, MemberId(arguments.id))
    show(arguments, {"id": arguments.id}, f"the address of member {arguments.id} is erased")


async def _member(members: Members, caller: Caller, named: str) -> MemberId:
    for one in await members.list_members(caller):
        if named == str(one.member_id) or normalize_email(named) == one.email:
            return one.member_id
    raise CommandFailed(f"The account has no member {named}: `pushgate members list` shows all.")


def _show_link(arguments: argparse.Namespace, made: NewLink) -> None:
    address = installation_of(arguments).pages_url() + made.path
    until = format_time(made.expires_at)
    document = {"id": made.member_id, "link": address, "expires_at": until}
    text = facts(
        [
            ("member", made.member_id),
            ("one-time link", address),
            ("good until", until),
        ]
    )
    show(arguments, document, text)


def _document(one: MemberEntry) -> dict[str, object]:
    added, seen = one.added_at, one.seen_at
    return {
        "id": one.member_id,
        "email": one.email,
        "role": one.role,
        "added_at": format_time(added),
        "arrived": one.has_password,
        "seen_at": None if seen is None else format_time(seen),
    }
