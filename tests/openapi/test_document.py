"""The document says what the programs do, and is served by both that it describes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import aiohttp
import jsonschema_rs
import pytest

from cli.temporary_installation import TemporaryInstallation
from protocol import limits
from protocol.refusals import Refusal, batch, edge, push
from protocol.token_text import PUBLISHED_PATTERN, token_text
from services.ingest.app import IngestSettings
from services.ingest.app import build_app as build_ingest
from services.receiving.status import VERSION
from services.runtime.clock import SystemClock
from services.runtime.config import Secret
from services.tokens.app import TokensSettings
from services.tokens.app import build_app as build_tokens
from services.tokens.connect_api.answers import STATUS_AND_ERROR
from services.tokens.limits import ACTIVE_TOKENS_MAX, SCHEMA_NAME_CHARACTERS_MAX
from tests.openapi.document import DOCUMENT, faults, is_valid_request
from tests.wire.cases import CASES, Case

SCHEMAS = DOCUMENT["components"]["schemas"]
NOWHERE = Secret("postgresql://nowhere/none")
DESCRIBED = [case for case in CASES if case.status not in {404, 405}]
# Refused for what a schema can't say: it depends on another record, on the schema sent along, on
# the account, or on what the key names say of the data.
BEYOND_A_SCHEMA = {
    "AU-06", "BT-12", "BT-18", "BT-20", "BT-24", "PU-12", "PU-15-1025",
}  # fmt: skip


@pytest.mark.parametrize("case", DESCRIBED, ids=[case.name for case in DESCRIBED])
def test_a_golden_answer_is_one_that_is_described(case: Case) -> None:
    if case.answer.startswith(b"~ "):
        pytest.skip("an expression; the answer itself is held against the document over HTTP")

    assert faults(case.method, case.path, case.status, case.answer_type, case.answer) == []


def test_a_golden_request_is_valid_when_it_is_taken_and_only_then() -> None:
    json_cases = [
        case
        for case in DESCRIBED
        if case.content_type == "application/json" and case.name not in {"BT-29", "PU-04"}
    ]
    valid = {c.name for c in json_cases if is_valid_request(c.method, c.path, c.body)}

    assert valid - BEYOND_A_SCHEMA == {c.name for c in json_cases if c.status in {200, 201}}
    assert valid >= BEYOND_A_SCHEMA


def test_what_is_not_described_is_noticed() -> None:
    good = b'{"status":"OK","message":"Batch Accepted!"}'
    address = "/v2/import/push"

    assert faults("POST", address, 201, "application/json; charset=utf-8", good) == []
    assert faults("POST", address, 202, "application/json", good)
    assert faults("POST", address, 201, "text/plain", good)
    assert faults("POST", address, 201, "application/json", good.replace(b"!", b"?"))
    assert faults("POST", "/v2/other", 200, "application/json", good)


def test_it_is_a_document_of_openapi_3_1() -> None:
    """Every reference leads somewhere, and every schema is one."""
    for reference in re.findall(r'"\$ref": ?"#/([^"]+)"', str(DOCUMENT).replace("'", '"')):
        found: Any = DOCUMENT
        for step in reference.split("/"):
            found = found[step]
    for schema in SCHEMAS.values():
        jsonschema_rs.meta.validate({"$schema": SCHEMA_OF_SCHEMAS, **schema})

    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == VERSION


SCHEMA_OF_SCHEMAS = "https://json-schema.org/draft/2020-12/schema"


async def test_all_addresses_of_ingest_are_described() -> None:
    app = build_ingest(IngestSettings(database_url=NOWHERE), clock=SystemClock())
    served = {resource.canonical for resource in app.router.resources()}

    described = {path for path in DOCUMENT["paths"] if not path.startswith("/v4")}
    assert served - {"/{anything}"} == described


async def test_all_addresses_of_the_connect_api_are_described() -> None:
    app = build_tokens(TokensSettings(database_url=NOWHERE), clock=SystemClock())
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/v4")
    }

    assert served == {
        (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if path.startswith("/v4")
    }


def _statuses(*modules: ModuleType) -> set[str]:
    kinds = [kind for module in modules for kind in vars(module).values()]
    refusals = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Refusal)]
    return {str(kind.status) for kind in refusals if hasattr(kind, "status")} - {"404"}


@pytest.mark.parametrize(
    ("path", "modules", "but"),
    [
        ("/v2/import/push", (edge, push), set()),
        ("/v2/import/batch", (edge, batch), set()),
        ("/v2/import/validate", (edge, push), {"504"}),
    ],
)
def test_every_status_of_a_refusal_is_described(
    path: str, modules: tuple[ModuleType, ...], but: set[str]
) -> None:
    described = DOCUMENT["paths"][path]["post"]["responses"].keys()

    assert {status for status in described if status > "299"} == _statuses(*modules) - but


def test_every_status_of_a_connect_refusal_is_described() -> None:
    possible = {str(status) for status, _ in STATUS_AND_ERROR.values()}
    for described in _connect_operations():
        assert possible <= described["responses"].keys()


def _connect_operations() -> Iterable[dict[str, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/v4"):
            yield from methods.values()


def test_the_limits_are_those_of_the_code() -> None:
    push_body = DOCUMENT["paths"]["/v2/import/push"]["post"]["requestBody"]["content"]
    sequence = SCHEMAS["Sequence"]
    tokens = DOCUMENT["paths"]["/v4/sources/{source_id}/tokens"]["get"]["responses"]["200"]
    too_large = DOCUMENT["components"]["responses"]["TooLarge"]["description"]

    assert push_body["application/json"]["schema"]["maxItems"] == limits.RECORDS_MAX
    assert SCHEMAS["Batch"]["properties"]["messages"]["maxItems"] == limits.RECORDS_MAX
    assert (sequence["minimum"], sequence["maximum"]) == (limits.SEQUENCE_MIN, limits.SEQUENCE_MAX)
    assert SCHEMAS["RecordsRefused"]["properties"]["errors"]["maxItems"] == limits.RECORD_ERRORS_MAX
    assert f"most {limits.NESTING_LEVELS_MAX} levels" in SCHEMAS["Data"]["description"]
    assert f"and {limits.DATA_POINTS_MAX} values" in SCHEMAS["Data"]["description"]
    assert f"{limits.KEY_CHARACTERS_MAX} characters" in str(SCHEMAS["Upsert"])
    assert str(limits.BODY_BYTES_MAX) in too_large
    assert tokens["content"]["application/json"]["schema"]["maxItems"] == ACTIVE_TOKENS_MAX
    assert f"{{0,{SCHEMA_NAME_CHARACTERS_MAX - 1}}}" in str(SCHEMAS["Source"])
    pattern = SCHEMAS["NewToken"]["properties"]["access_token"]["pattern"]
    assert re.fullmatch(pattern, token_text("at_", 1))
    assert re.search(PUBLISHED_PATTERN, token_text("at_", 1))


async def test_both_programs_serve_it(system: TemporaryInstallation) -> None:
    async with aiohttp.ClientSession() as session:
        for url in (system.installation.import_url(), system.installation.connect_url()):
            async with session.get(f"{url}/openapi.json") as answer:
                assert answer.status == 200
                assert await answer.json() == DOCUMENT
