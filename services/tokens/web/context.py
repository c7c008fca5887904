"""One request of somebody who is signed in: what a page's function gets, and how it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from aiohttp import web

from events.ids import IntegrationId, MemberId, TokenId
from services.tokens.domain.permissions import RIGHTS_BY_ROLE, Caller, Right
from services.tokens.sign_in.sessions import SignedIn
from services.tokens.use_cases.use_cases import UseCases
from services.tokens.web import headers
from services.tokens.web.forms import NO_FORM, Form, read_form, require_storable
from services.tokens.web.site import SITE, Site

NoticeKind = Literal["good", "warn", "bad"]

ID_MAX = 2**31 - 1


@dataclass(kw_only=True, slots=True)
class PageContext:
    """``form``: of a POST, checked to be ours; without fields else."""

    request: web.Request
    site: Site
    member: SignedIn
    now: datetime
    form: Form = field(default_factory=lambda: NO_FORM)
    notice_shown: bool = field(default=False, init=False)

    @property
    def caller(self) -> Caller:
        return self.member.caller

    @property
    def use_cases(self) -> UseCases:
        return self.site.use_cases

    def may(self, right: Right) -> bool:
        """For what a page offers; what is done, the use cases decide."""
        return right in RIGHTS_BY_ROLE[self.caller.role]

    def render(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        self.notice_shown = True
        shared = {
            "member": self.member,
            "form_key": self.member.form_key,
            "notice": self.member.notice,
            "now": self.now,
            "path": self.request.path,
            "may_manage": self.may(Right.MANAGE_INTEGRATIONS),
            "may_audit": self.may(Right.AUDIT),
            "may_manage_members": self.may(Right.MANAGE_MEMBERS),
        }
        text = self.site.templates.render(template, shared | values)
        return headers.html_response(text, status=status)

    def render_fragment(self, template: str, **values: Any) -> web.Response:
        """A part of a page that is open: without what is told once."""
        shared = {
            "form_key": self.member.form_key,
            "now": self.now,
            "may_manage": self.may(Right.MANAGE_INTEGRATIONS),
        }
        return headers.html_response(self.site.templates.render(template, shared | values))

    async def redirect(
        self, path: str, sentence: str | None = None, *, kind: NoticeKind = "good"
    ) -> web.Response:
        """To another page of ours, where ``sentence`` is told, once."""
        if sentence is not None:
            notice = {"kind": kind, "sentence": sentence}
            await self.site.sessions.set_notice(self.member, notice)
        return headers.see_other(path)

    @property
    def integration_id(self) -> IntegrationId:
        return IntegrationId(self._id("integration_id"))

    @property
    def token_id(self) -> TokenId:
        return TokenId(self._id("token_id"))

    @property
    def member_id(self) -> MemberId:
        return MemberId(self._id("member_id"))

    def _id(self, name: str) -> int:
        """A number that no id can be is nobody's: 0."""
        number = int(self.request.match_info[name][:12])
        return number if number <= ID_MAX else 0


View = Callable[[PageContext], Awaitable[web.StreamResponse]]


def sign_in_required(view: View) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Others are sent to the door, and come back from there to where they wanted to go."""

    async def handler(request: web.Request) -> web.StreamResponse:
        site = request.app[SITE]
        member = await site.current_member(request)
        if member is None:
            return headers.see_other(_sign_in_path(request))
        require_storable(request.query.values())
        context = PageContext(request=request, site=site, member=member, now=site.clock.now())
        if request.method == "POST":
            context.form = await read_form(request, member.form_key)
        response = await view(context)
        if context.notice_shown and member.notice is not None:
            await site.sessions.set_notice(member, None)
        return response

    return handler


def _sign_in_path(request: web.Request) -> str:
    if request.method != "GET" or request.path == "/":
        return "/sign-in"
    return f"/sign-in?next={quote(request.path_qs, safe='')}"
