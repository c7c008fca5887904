"""A browser without JavaScript: follows redirects, stores cookies, fills in forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import aiohttp
from yarl import URL

from tests.tokens.connect_client import AnyClient

HTML = {"Accept": "text/html,application/xhtml+xml"}


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """What came back in the end: ``path`` is where it was after all redirects."""

    status: int
    text: str
    headers: Mapping[str, str]
    path: str

    @property
    def forms(self) -> list[Form]:
        reader = _Forms()
        reader.feed(self.text)
        return reader.forms

    def form(self, action: str) -> Form:
        (found,) = (form for form in self.forms if URL(form.action).path == action)
        return found

    def value(self, id_: str) -> str:
        reader = _Forms()
        reader.feed(self.text)
        return reader.by_id[id_]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.by_id: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        if tag == "input":
            if "id" in given:
                self.by_id[given["id"]] = given.get("value", "")
            chosen = given.get("type") != "radio" or "checked" in given
            if self.forms and "name" in given and chosen:
                self.forms[-1].fields[given["name"]] = given.get("value", "")


class Person:
    def __init__(self, client: AnyClient) -> None:
        self.client = client
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers=HTML
        )

    async def close(self) -> None:
        await self.session.close()

    async def get(self, path: str, **options: Any) -> Seen:
        return await self.ask("GET", path, **options)

    async def ask(self, method: str, path: str, **options: Any) -> Seen:
        url = self.client.make_url("/").join(URL(path, encoded=True))
        async with self.session.request(method, url, **options) as response:
            return Seen(response.status, await response.text(), response.headers, response.url.path)

    async def send(self, page: Seen, action: str, **fields: str) -> Seen:
        """Fills in the form of ``page`` that goes to ``action`` and sends it."""
        return await self.send_form(page.form(action), **fields)

    async def send_form(self, form: Form, **fields: str) -> Seen:
        return await self.ask(form.method.upper(), form.action, data=form.fields | fields)

    async def sign_in(self, email: str, password: str, *, path: str = "/sign-in") -> Seen:
        page = await self.get(path)
        return await self.send(page, "/sign-in", email=email, password=password)

    def plant(self, name: str, value: str) -> None:
        """A cookie as our own answers set it."""
        self.session.cookie_jar.update_cookies({name: value}, self.client.make_url("/"))

    def cookie(self, name: str) -> str | None:
        cookies = self.session.cookie_jar.filter_cookies(self.client.make_url("/"))
        return cookies[name].value if name in cookies else None
