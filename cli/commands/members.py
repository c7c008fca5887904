"""`pushgate members`: who may sign in to the web pages, and their one-time links."""

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
    group = add_group(subparsers, "members", summary="Manage who may sign in to the web pages.")
    parser = add_command(
        group,
        "invite",
        invite,
        summary="Add a member and print a one-time link to sign in with.",
        example="pushgate members invite ada@example.com --role auditor",
    )
    parser.add_argument(
        "email",
        metavar="EMAIL",
        nargs="?",
        help="The member's e-mail address. Without it, the member enters it when using the link.",
    )
    parser.add_argument("--role", choices=get_args(Role), default="member", help="Default: member.")
    add_account_options(parser)
    parser = add_command(
        group,
        "list",
        list_members,
        summary="List all members, oldest first.",
        example="pushgate members list",
    )
    add_account_options(parser)
    _register_changes(group)


def _register_changes(group: Subparsers) -> None:
    parser = add_command(
        group,
        "link",
        link,
        summary="Print a new one-time link for a member who cannot sign in.",
        details="An earlier link stops working.",
        example="pushgate members link ada@example.com",
    )
    _add_member(parser)
    parser = add_command(
        group,
        "role",
        role,
        summary="Change a member's role.",
        example="pushgate members role ada@example.com owner",
    )
    _add_member(parser)
    parser.add_argument(
        "role", metavar="ROLE", choices=get_args(Role), help=f"One of {', '.join(get_args(Role))}."
    )
    parser = add_command(
        group,
        "remove",
        remove,
        summary="Remove a member and end their sessions immediately.",
        example="pushgate members remove ada@example.com",
    )
    _add_member(parser)
    parser = add_command(
        group,
        "erase",
        erase,
        summary="Delete a removed member's e-mail address.",
        example="pushgate members erase 4",
    )
    parser.add_argument("id", metavar="MEMBER_ID", type=int, help="The removed member's id.")
    add_account_options(parser)


def _add_member(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("member", metavar="MEMBER", help="The member's id or e-mail address.")
    add_account_options(parser)


async def invite(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        new_link = await use_cases.members.invite(caller, arguments.email, arguments.role)
    _show_link(arguments, new_link)


async def link(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        member_id = await _find_member(use_cases.members, caller, arguments.member)
        new_link = await use_cases.members.renew_link(caller, member_id)
    _show_link(arguments, new_link)


async def list_members(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        members = await use_cases.members.list_members(caller)
    documents = [_document(member) for member in members]
    keys = ("id", "email", "role", "added_at", "seen_at")
    rows = [[document[key] for key in keys] for document in documents]
    show(arguments, documents, columns(("id", "e-mail", "role", "added", "last seen"), rows))


async def role(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        member_id = await _find_member(use_cases.members, caller, arguments.member)
        await use_cases.members.change_role(caller, member_id, arguments.role)
    document = {"id": member_id, "role": arguments.role}
    show(arguments, document, f"member {member_id} now has the role {arguments.role}")


async def remove(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        member_id = await _find_member(use_cases.members, caller, arguments.member)
        await use_cases.members.remove(caller, member_id)
    show(arguments, {"id": member_id}, f"member {member_id} is removed and signed out")


async def erase(arguments: argparse.Namespace) -> None:
    async with operator_access(arguments) as (use_cases, caller):
        await use_cases.members.erase_email(caller, MemberId(arguments.id))
    show(arguments, {"id": arguments.id}, f"the address of member {arguments.id} is erased")


async def _find_member(members: Members, caller: Caller, name: str) -> MemberId:
    for member in await members.list_members(caller):
        if name == str(member.member_id) or normalize_email(name) == member.email:
            return member.member_id
    raise CommandFailed(f"The account has no member {name}; `pushgate members list` lists them.")


def _show_link(arguments: argparse.Namespace, new_link: NewLink) -> None:
    address = installation_of(arguments).pages_url() + new_link.path
    expires_at = format_time(new_link.expires_at)
    document = {"id": new_link.member_id, "link": address, "expires_at": expires_at}
    text = facts(
        [
            ("member", new_link.member_id),
            ("one-time link", address),
            ("expires", expires_at),
        ]
    )
    show(arguments, document, text)


def _document(member: MemberEntry) -> dict[str, object]:
    seen_at = member.seen_at
    return {
        "id": member.member_id,
        "email": member.email,
        "role": member.role,
        "added_at": format_time(member.added_at),
        "arrived": member.has_password,
        "seen_at": None if seen_at is None else format_time(seen_at),
    }
