"""Parses request bodies of the Connect API into arguments of the use cases. Pure."""

import re
from typing import Any

import orjson

from services.tokens.connect_api import views
from services.tokens.connect_api.answers import BadBody
from services.tokens.domain.commands import PauseIntegration, RenameIntegration, ResumeIntegration
from services.tokens.limits import SCHEMA_NAME_CHARACTERS_MAX
from services.tokens.refusals import DisplayNameUnusable, PausedAtUnusable, TokenLabelUnusable
from services.tokens.use_cases.integrations import IntegrationChange

# destination_id is accepted and ignored, since there is only one destination (X25).
_POST_KEYS = frozenset({"type", "display_name", "properties", "destination_id"})
_PUT_KEYS = frozenset({"display_name", "properties", "paused_at", "destination_id"})

_NAME = re.compile(rf"[a-z_][a-z0-9_$]{{0,{SCHEMA_NAME_CHARACTERS_MAX - 1}}}")
_S3 = (
    "POST body may only include a non-empty type, a non-empty display_name "
    "and map of string properties"
)
_S4 = (
    "The name field must be under 50 characters, and can only contain lowercase letters, numbers, "
    "underscores, or dollar signs. It must begin with a letter or an underscore."
)
# "many" is the original's.
_S9 = "PUT body many only include the keys: display_name, properties, and paused_at"


def display_name_of_post(text: bytes) -> str:
    """E6. Raises BadBody."""
    body = _object(text, BadBody("InvalidBody", _S3))
    if "name" in body and not _is_name(body["name"]):
        raise BadBody("InvalidName", _S4)
    display_name, kind = _nonblank(body.get("display_name")), _nonblank(body.get("type"))
    properties = body.get("properties", {})
    if (
        not body.keys() <= _POST_KEYS
        or display_name is None
        or kind is None
        or not _is_map_of_texts(properties)
    ):
        raise BadBody("InvalidBody", _S3)
    if kind != views.SOURCE_TYPE:
        bare = kind.removeprefix("platform.")
        raise BadBody("InvalidType", f"invalid source type (platform.{bare})")
    if properties:
        raise _bad_properties(properties, views.FORM_REPORT_CARD)
    return display_name


def changes_of_put(text: bytes) -> list[IntegrationChange]:
    """E9, in order of execution. Raises BadBody, DisplayNameUnusable or PausedAtUnusable."""
    body = _object(text, BadBody("InvalidBody", _S9))
    if not body.keys() <= _PUT_KEYS:
        raise BadBody("InvalidBody", _S9)
    if "properties" in body and body["properties"] != {}:
        raise _bad_properties(body["properties"], views.REPORT_CARD)
    changes: list[IntegrationChange] = []
    if "display_name" in body:
        changes.append(_rename(body["display_name"]))
    if "paused_at" in body:
        changes.append(_pause_or_resume(body["paused_at"]))
    return changes


def label_of_post(text: bytes) -> str:
    """E11 ignores its body, except our own ``label``. Raises TokenLabelUnusable."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    label = body.get("label", "") if isinstance(body, dict) else ""
    if not isinstance(label, str):
        raise TokenLabelUnusable
    return label


def _rename(value: Any) -> RenameIntegration:
    if not isinstance(value, str):
        raise DisplayNameUnusable(orjson.dumps(value).decode())
    return RenameIntegration(display_name=value)


def _pause_or_resume(value: Any) -> PauseIntegration | ResumeIntegration:
    if value is None:
        return ResumeIntegration()
    if not isinstance(value, str):
        raise PausedAtUnusable
    return PauseIntegration(paused_at=value)


def _object(text: bytes, error: BadBody) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise error from None
    if not isinstance(body, dict):
        raise error
    return body


def _bad_properties(properties: Any, report_card: dict[str, Any]) -> BadBody:
    """An import_api source has no properties, so each given one is invalid (S8)."""
    names = list(properties) if isinstance(properties, dict) else []
    return BadBody(
        "InvalidProperties",
        "properties do not match schema",
        bad_properties=names,
        report_card=report_card,
    )


def _nonblank(value: Any) -> str | None:
    return value if isinstance(value, str) and value and not value.isspace() else None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_map_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
