"""The OpenAPI document as tests hold answers and requests against it."""

import re
from typing import Any

import jsonschema_rs
import orjson

from services.runtime.openapi import DOCUMENT as PATH

DOCUMENT: dict[str, Any] = orjson.loads(PATH.read_bytes())
_JSON = "application/json"


def operation(method: str, address: str) -> dict[str, Any] | None:
    """None when the document has nothing for the address, or no such method."""
    path = address.partition("?")[0]
    for template, methods in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[0-9]+", template), path):
            found: dict[str, Any] | None = methods.get(method.lower())
            return found
    return None


def is_valid_request(method: str, address: str, body: bytes) -> bool:
    """Of a JSON body."""
    described = operation(method, address)
    assert described is not None, (method, address)
    schema = described["requestBody"]["content"][_JSON]["schema"]
    return _validator(schema).is_valid(orjson.loads(body))


def faults(method: str, address: str, status: int, content_type: str, body: bytes) -> list[str]:
    """What the document does not say of this answer; empty too where it says nothing at all."""
    described = operation(method, address)
    if described is None:
        return [] if status in {404, 405} else [f"{method} {address} is not described"]
    answers = described["responses"]
    if str(status) not in answers:
        return [f"{status} is not among {sorted(answers)}"]
    content = _resolved(answers[str(status)])["content"]
    kind = content_type.partition(";")[0]
    if kind not in content:
        return [f"{kind} is not among {sorted(content)}"]
    value = orjson.loads(body) if kind == _JSON else body.decode()
    errors = _validator(content[kind]["schema"]).iter_errors(value)
    return [error.message for error in errors]


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """References in it are into the document."""
    return jsonschema_rs.Draft202012Validator(
        {"allOf": [schema], "components": DOCUMENT["components"]}
    )
