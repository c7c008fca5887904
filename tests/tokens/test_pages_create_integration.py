"""Add an integration on the pages: the name, the schema name, and the token shown once."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from asyncpg import Connection, Record
from structlog.testing import capture_logs

from protocol.token_text import PUBLISHED_PATTERN
from services.tokens.domain.schema_name import derive_schema_name, is_usable
from services.tokens.limits import SCHEMA_NAME_CHARACTERS_MAX
from services.tokens.use_cases.accounts import OpenedAccount
from tests.tokens.person import Person, Seen

ADD = "/integrations/add/import-api"
TOKEN = re.compile(PUBLISHED_PATTERN)
RULE = Path("services/tokens/web/static/schema_name.js")

NAMES = [
    "Web Shop",
    "web-shop $1",
    "Café",
    "ÄÖÜ",
    "  x  ",
    "1st",
    "public",
    "pg_catalog",
    "_pushgate",
    "İstanbul",
    "K\u212a",
    "a" * 49,
    "a" * 50,
    "tab\there",
    "日本",
    "straße",
    "-",
]


async def tokens_there_are(database: Connection[Record]) -> int:
    return int(await database.fetchval("SELECT count(*) FROM tokens.active_tokens"))


async def added(person: Person, name: str) -> Seen:
    return await person.send(await person.get(ADD), ADD, name=name)


async def test_save_and_generate_token_shows_the_token_with_what_to_do(
    owner: Person, account: OpenedAccount
) -> None:
    seen = await added(owner, "Web Shop")
    token = seen.value("token")
    base = str(owner.client.make_url("/v2/import"))

    assert seen.status == 200
    assert TOKEN.fullmatch(token)
    for snippet in ("curl", "python", "javascript", "singer"):
        code = seen.text.split(f'<pre id="push-{snippet}"')[1].split("</pre>")[0]
        assert token in code
        assert base in code
        assert re.search(rf"client_id(&#34;)?: {account.account_id}\b", code)


async def test_the_token_is_in_that_one_answer_and_in_no_other(
    owner: Person, database: Connection[Record]
) -> None:
    page = await owner.get(ADD)
    with capture_logs() as lines:
        shown = await owner.send(page, ADD, name="Web Shop")
        token = shown.value("token")
        again = await owner.send(page, ADD, name="Web Shop")
        number = await database.fetchval("SELECT max(integration_id) FROM tokens.integrations")
        later = [
            await owner.get(path)
            for path in (
                ADD,
                "/integrations",
                *(f"/integrations/{number}{tail}" for tail in ("", "/settings", "/activity")),
                "/audit",
                "/audit/export",
            )
        ]

    assert shown.headers["Cache-Control"] == "no-store"
    assert [seen.status for seen in later] == [200] * len(later)
    assert token not in "".join(seen.text for seen in (again, *later))
    assert token not in str(lines)
    assert token not in str(await database.fetch("SELECT record::text FROM ledger.event"))


async def test_sending_the_form_again_makes_no_second_token_and_says_why_none_is_shown(
    owner: Person, database: Connection[Record]
) -> None:
    page = await owner.get(ADD)
    await owner.send(page, ADD, name="Web Shop")

    again = await owner.send(page, ADD, name="Another name")

    assert again.status == 409
    assert "No second token was generated" in again.text
    assert await tokens_there_are(database) == 1


async def test_two_clicks_at_once_make_one_token(
    owner: Person, database: Connection[Record]
) -> None:
    """Of the same form: which of them gets there first is left to them."""
    await added(owner, "Web Shop")
    number = await database.fetchval("SELECT max(integration_id) FROM tokens.integrations")
    path = f"/integrations/{number}/tokens"
    page = await owner.get(f"/integrations/{number}/settings")

    seen = await asyncio.gather(*(owner.send(page, path) for _ in range(5)))

    assert sorted(one.status for one in seen) == [200, 409, 409, 409, 409]
    assert sum(bool(TOKEN.search(one.text)) for one in seen) == 1
    assert await tokens_there_are(database) == 2


async def test_two_tabs_at_once_make_no_third_token(
    owner: Person, database: Connection[Record]
) -> None:
    """Each has a form of its own, so both may be carried out, and two tokens are the most."""
    await added(owner, "Web Shop")
    number = await database.fetchval("SELECT max(integration_id) FROM tokens.integrations")
    path = f"/integrations/{number}/tokens"
    tabs = [await owner.get(f"/integrations/{number}/settings") for _ in range(4)]

    seen = await asyncio.gather(*(owner.send(tab, path, label="a tab") for tab in tabs))

    assert sorted(one.status for one in seen) == [200, 409, 409, 409]
    assert all(
        "No token was generated. Two tokens are active" in one.text
        for one in seen
        if one.status != 200
    )
    assert await tokens_there_are(database) == 2
    # What was refused left no label behind.
    assert await database.fetchval("SELECT count(*) FROM tokens.token_labels") == 1


async def test_a_label_is_given_with_the_token_and_an_unfit_one_makes_none(
    owner: Person, database: Connection[Record]
) -> None:
    await added(owner, "Web Shop")
    number = await database.fetchval("SELECT max(integration_id) FROM tokens.integrations")
    settings, path = f"/integrations/{number}/settings", f"/integrations/{number}/tokens"

    refused = await owner.send(await owner.get(settings), path, label="x" * 81)
    made = await owner.send(refused, path, label=" the new server ")
    seen = await owner.get(settings)

    assert refused.status == 400
    assert "at most 80 characters" in refused.text
    assert "x" * 81 in refused.value("label")
    assert TOKEN.fullmatch(made.value("token"))
    assert "<small>the new server</small>" in seen.text


async def test_a_refused_form_is_not_used_up(owner: Person, database: Connection[Record]) -> None:
    page = await owner.get(ADD)
    await owner.send(page, ADD, name="日本")

    seen = await owner.send(page, ADD, name="Web Shop")

    assert TOKEN.fullmatch(seen.value("token"))
    assert await tokens_there_are(database) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("日本", "No schema name can be derived"),
        ("public", "not reserved by PostgreSQL"),
        ("1st", "starts with a letter"),
        ("a" * 60, "at most 49"),
        ("a\tb", "on one line"),
    ],
)
async def test_a_name_without_a_schema_name_is_told_why(
    name: str, expected: str, owner: Person
) -> None:
    seen = await added(owner, name)

    assert seen.status == 422
    assert expected in seen.text


async def test_a_name_that_is_taken_is_told_and_kept_in_the_form(owner: Person) -> None:
    await added(owner, "Web Shop")
    seen = await added(owner, "web shop")

    assert seen.status == 422
    assert "The schema name web_shop is already in use" in seen.text
    assert seen.value("name") == "web shop"


async def test_without_scripts_the_schema_name_is_shown_on_asking(
    owner: Person, database: Connection[Record]
) -> None:
    page = await owner.get(ADD)
    seen = await owner.send(page, ADD, name="Web Shop", preview="1")

    assert (seen.status, seen.value("name")) == (200, "Web Shop")
    assert ">web_shop</output>" in seen.text
    assert await tokens_there_are(database) == 0


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the page's rule")
def test_the_page_shows_the_schema_name_that_the_server_makes() -> None:
    program = (
        f"{RULE.read_text('utf-8')}\n"
        "console.log(JSON.stringify(JSON.parse(process.argv[1]).map((name) =>"
        " [deriveSchemaName(name),"
        f" isUsable(deriveSchemaName(name), {SCHEMA_NAME_CHARACTERS_MAX})])));"
    )
    ran = subprocess.run(
        ["node", "-e", program, json.dumps(NAMES)], capture_output=True, text=True, check=True
    )

    derived = [derive_schema_name(name) for name in NAMES]
    assert json.loads(ran.stdout) == [[name, is_usable(name)] for name in derived]
