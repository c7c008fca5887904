"""Who gets in, who may do what, and what the Connect API answers to what it does not know."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from asyncpg import Pool, Record

from events.types import Role
from protocol.token_text import Prefix
from services.tokens.domain.permissions import Caller
from services.tokens.limits import BODY_BYTES_MAX
from services.tokens.use_cases.accounts import OpenedAccount
from services.tokens.use_cases.new_tokens import new_token
from services.tokens.use_cases.use_cases import UseCases
from tests.tokens.connect_client import Answer, ConnectClient
from tests.tokens.test_sources import assert_refused

NOT_AUTHORIZED = (401, b'{"message":"Not Authorized"}')
NOT_FOUND = (404, b'{"message":"Not Found"}')

ENDPOINTS = [
    ("GET", "/v4/source-types/import_api"),
    ("POST", "/v4/sources"),
    ("GET", "/v4/sources"),
    ("GET", "/v4/sources/1"),
    ("PUT", "/v4/sources/1"),
    ("DELETE", "/v4/sources/1"),
    ("POST", "/v4/sources/1/tokens"),
    ("GET", "/v4/sources/1/tokens"),
    ("DELETE", "/v4/sources/1/tokens/1"),
]


def seen(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.body


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_s12_nothing_is_answered_without_a_token(
    method: str, path: str, api: ConnectClient
) -> None:
    answer = await api.ask_with_headers(method, path, [])

    assert seen(answer) == NOT_AUTHORIZED


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer ac_wrong",
        "Bearer {token} {token}",
        "Bearer {token}x",
        "Bearer {mangled}",
        "Bearer {never_stored}",
        "Bearer {access_token}",
        "Basic {basic}",
        "{token}",
        "Token {token}",
        "Bearer ac_\u00e9\udcff",
    ],
)
async def test_s12_what_is_no_connect_token_is_refused(
    value: str, api: ConnectClient, use_cases: UseCases, caller: Caller
) -> None:
    created = await use_cases.integrations.create(caller, "Import API", with_token=True)
    assert created.token is not None
    token = api.connect_token
    header = value.format(
        token=token,
        mangled=token[:-1] + ("a" if token[-1] != "a" else "b"),
        never_stored=new_token("ac_").text,
        access_token=created.token.access_token,
        basic=b64encode(f"{token}:".encode()).decode(),
    )

    answer = await api.ask_with_headers("GET", "/v4/sources", [("Authorization", header)])

    assert seen(answer) == NOT_AUTHORIZED


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer:"])
async def test_the_scheme_is_read_in_any_case(scheme: str, api: ConnectClient) -> None:
    header = ("authorization", f"{scheme}  {api.connect_token}")

    answer = await api.ask_with_headers("GET", "/v4/sources", [header])

    assert answer.status == 200


async def test_two_authorization_headers_are_refused(api: ConnectClient) -> None:
    header = ("Authorization", f"Bearer {api.connect_token}")

    answer = await api.ask_with_headers("GET", "/v4/sources", [header, header])

    assert seen(answer) == (400, b'{"message":"Send exactly one Authorization header."}')


@pytest.mark.parametrize("prefix", ["ac_", "at_"])
async def test_a_token_in_the_address_is_refused(prefix: Prefix, api: ConnectClient) -> None:
    """Even with a valid header: the caller must learn that the token is in logs now."""
    answer = await api.get(f"/v4/sources?access_token={new_token(prefix).text}")

    assert seen(answer) == (
        400,
        (
            b'{"message":"Send the token in the Authorization header, never in the address;'
            b' revoke this one."}'
        ),
    )


async def test_a_revoked_connect_token_is_refused_at_once(
    api: ConnectClient, use_cases: UseCases, caller: Caller, account: OpenedAccount
) -> None:
    await use_cases.connect_tokens.revoke(caller, account.connect_token_id)

    answer = await api.get("/v4/sources")

    assert seen(answer) == NOT_AUTHORIZED


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v4"),
        ("GET", "/v4/sources/"),
        ("GET", "/v4/sources/abc"),
        ("GET", "/v4/sources/-1"),
        ("GET", "/v4/sources/\u0661"),
        ("GET", "/v4/sources/1%00"),
        ("DELETE", "/v4/sources/1/tokens/x"),
        ("GET", "/v4/source-types/other"),
        ("PATCH", "/v4/sources/1"),
        ("PUT", "/v4/sources"),
        ("OPTIONS", "/v4/sources"),
        ("POST", "/v2/import/push"),
    ],
)
async def test_s18_what_is_not_there(method: str, path: str, api: ConnectClient) -> None:
    """A method that is not allowed is a 404 too: the codes of the Connect API know no 405."""
    answer = await api.ask(method, path)

    assert seen(answer) == NOT_FOUND


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("PUT", 400), ("DELETE", 400)])
@pytest.mark.parametrize("source_id", ["0", "2147483648", "9" * 300])
async def test_an_id_out_of_range_is_an_unknown_one(
    source_id: str, method: str, status: int, api: ConnectClient
) -> None:
    answer = await api.ask(method, f"/v4/sources/{source_id}", {})

    assert_refused(answer, "InvalidId", f"source not found ({source_id})", status=status)


async def test_an_id_may_have_leading_zeros(api: ConnectClient) -> None:
    source_id = await api.new_source()

    answer = await api.get(f"/v4/sources/{source_id:015}")

    assert (answer.status, answer.json["id"]) == (200, source_id)


WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/v4/sources", {"type": "import_api", "display_name": "Mine"}),
    ("PUT", "/v4/sources/{source}", {"display_name": "Mine"}),
    ("PUT", "/v4/sources/{source}", {"paused_at": "2019-06-01T00:00:00Z"}),
    ("DELETE", "/v4/sources/{source}", None),
    ("POST", "/v4/sources/{source}/tokens", None),
    ("DELETE", "/v4/sources/{source}/tokens/{token}", None),
]


async def as_role(
    role: Role, api: ConnectClient, use_cases: UseCases, caller: Caller
) -> ConnectClient:
    return api.with_token((await use_cases.connect_tokens.generate(caller, role)).access_token)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_an_auditors_token_cannot_be_used_to_write(
    method: str, path: str, body: Any, api: ConnectClient, use_cases: UseCases, caller: Caller
) -> None:
    source = await api.new_source()
    token = await api.new_token(source)
    auditor = await as_role("auditor", api, use_cases, caller)
    before = (await api.get(f"/v4/sources/{source}")).body

    answer = await auditor.ask(method, path.format(source=source, token=token), body)

    message = "Your role does not permit this: members manage integrations, auditors only read."
    assert_refused(answer, "AccessDenied", message, status=403)
    assert (await api.get(f"/v4/sources/{source}")).body == before


@pytest.mark.parametrize(
    "path", ["/v4/source-types/import_api", "/v4/sources", "/v4/sources/{source}/tokens"]
)
async def test_an_auditor_reads(
    path: str, api: ConnectClient, use_cases: UseCases, caller: Caller
) -> None:
    source = await api.new_source()
    auditor = await as_role("auditor", api, use_cases, caller)

    answer = await auditor.get(path.format(source=source))

    assert answer.status == 200


async def test_a_member_manages_integrations_and_tokens(
    api: ConnectClient, use_cases: UseCases, caller: Caller
) -> None:
    member = await as_role("member", api, use_cases, caller)

    source = await member.new_source()
    token = await member.new_token(source)
    revoked = await member.delete(f"/v4/sources/{source}/tokens/{token}")

    assert revoked.status == 200


@pytest.mark.parametrize(("method", "path", "body"), WRITES[1:])
async def test_a_connect_token_cannot_be_used_on_another_accounts_source(
    method: str,
    path: str,
    body: Any,
    api: ConnectClient,
    strange_api: ConnectClient,
    connections: Pool[Record],
) -> None:
    source = await api.new_source()
    token = await api.new_token(source)
    size = await connections.fetchval("SELECT size FROM ledger.head")

    answer = await strange_api.ask(method, path.format(source=source, token=token), body)
    unknown = await strange_api.ask(method, path.format(source=999_999, token=token), body)

    assert_refused(answer, "InvalidId", f"source not found ({source})")
    assert answer.body.replace(str(source).encode(), b"999999") == unknown.body
    assert await connections.fetchval("SELECT size FROM ledger.head") == size


@pytest.mark.parametrize("path", ["/v4/sources/{source}", "/v4/sources/{source}/tokens"])
async def test_a_connect_token_cannot_be_used_to_read_another_accounts_source(
    path: str, api: ConnectClient, strange_api: ConnectClient
) -> None:
    source = await api.new_source()

    answer = await strange_api.get(path.format(source=source))
    listed = await strange_api.get("/v4/sources")

    assert_refused(answer, "InvalidId", f"source not found ({source})", status=404)
    assert listed.json == []


async def test_a_token_cannot_be_revoked_through_a_source_of_ones_own(
    api: ConnectClient, strange_api: ConnectClient
) -> None:
    source = await api.new_source("A")
    token = await api.new_token(source)
    own = await strange_api.new_source("B")

    answer = await strange_api.delete(f"/v4/sources/{own}/tokens/{token}")

    assert_refused(answer, "InvalidId", f"token not found ({token})")
    assert len((await api.get(f"/v4/sources/{source}/tokens")).json) == 1


async def test_a_body_over_the_limit_is_refused(api: ConnectClient) -> None:
    answer = await api.post("/v4/sources", b" " * (BODY_BYTES_MAX + 1))

    assert seen(answer) == (413, b'{"message":"Request Entity Too Large"}')


async def test_a_compressed_body_is_refused(api: ConnectClient) -> None:
    headers = [("Authorization", f"Bearer {api.connect_token}"), ("Content-Encoding", "gzip")]

    answer = await api.ask_with_headers("POST", "/v4/sources", headers, data=b"\x1f\x8b")

    assert seen(answer) == (415, b'{"message":"Unsupported Media Type"}')
