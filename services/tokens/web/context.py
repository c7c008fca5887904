"""The context of one request by a signed-in member: what a view receives and answers with."""

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
    """``form``: the fields of a POST, after its CSRF token was verified; empty for a GET."""

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

    @property
    def import_url(self) -> str:
        """Where apps push to. Behind a proxy both services share one host name."""
        configured = self.site.import_url
        return self.site.base_url(self.request) if configured is None else configured.rstrip("/")

    def may(self, right: Right) -> bool:
        """Whether the page offers an action. The use cases decide whether it is allowed."""
        return right in RIGHTS_BY_ROLE[self.caller.role]

    def render(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A whole page, with the notice of the previous request, which is then deleted."""
        self.notice_shown = True
        shared = {
            "member": self.member,
            "csrf_token": self.member.csrf_token,
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
        """Part of a page that is already open; the notice stays for the next whole page."""
        shared = {
            "csrf_token": self.member.csrf_token,
            "now": self.now,
            "may_manage": self.may(Right.MANAGE_INTEGRATIONS),
        }
        return headers.html_response(self.site.templates.render(template, shared | values))

    async def redirect(
        self, path: str, message: str | None = None, *, kind: NoticeKind = "good"
    ) -> web.Response:
        """Redirect to a local path; the next page shows ``message`` once."""
        if message is not None:
            await self.site.sessions.set_notice(self.member, {"kind": kind, "message": message})
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
        """An id from the path; 0, which is never an id, for a number out of range."""
        number = int(self.request.match_info[name][:12])
        return number if number <= ID_MAX else 0


View = Callable[[PageContext], Awaitable[web.StreamResponse]]


def sign_in_required(view: View) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Redirect visitors to the sign-in page, and from there back to the page they asked for."""

    async def handler(request: web.Request) -> web.StreamResponse:
        site = request.app[SITE]
        member = await site.current_member(request)
        if member is None:
            return headers.see_other(_sign_in_path(request))
        require_storable(request.query.values())
        context = PageContext(request=request, site=site, member=member, now=site.clock.now())
        if request.method == "POST":
            context.form = await read_form(request, member.csrf_token)
        response = await view(context)
        if context.notice_shown and member.notice is not None:
            await site.sessions.set_notice(member, None)
        return response

    return handler


def _sign_in_path(request: web.Request) -> str:
    if request.method != "GET" or request.path == "/":
        return "/sign-in"
    return f"/sign-in?next={quote(request.path_qs, safe='')}"
