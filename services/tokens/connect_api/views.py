"""Response bodies of the Connect API. Key order and literals: wire contract 1.6 to 1.8."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.tokens.use_cases.integrations import GeneratedToken
from services.tokens.use_cases.read_model import IntegrationEntry, TokenEntry

SOURCE_TYPE = "import_api"

_STEPS = [{"type": "form", "properties": []}, {"type": "fully_configured", "properties": []}]

# The first is of a source that does not exist yet; the second of one that does.
FORM_REPORT_CARD = {
    "type": SOURCE_TYPE,
    "current_step": 1,
    "current_step_type": "form",
    "steps": _STEPS,
}
REPORT_CARD = {
    "type": SOURCE_TYPE,
    "current_step": 2,
    "current_step_type": "fully_configured",
    "steps": _STEPS,
}

SOURCE_TYPE_CARD = {
    **FORM_REPORT_CARD,
    "details": {
        "pricing_tier": "standard",
        "pipeline_state": "released",
        "default_start_date": "-1 year",
        "default_scheduling_interval": 60,
        "protocol": "import_api",
        "access": True,
    },
}


def source(entry: IntegrationEntry) -> dict[str, Any]:
    return {
        "properties": {},
        "updated_at": _seconds(entry.updated_at),
        "schedule": None,
        "name": entry.schema_name,
        "type": SOURCE_TYPE,
        "deleted_at": None if entry.deleted_at is None else _seconds(entry.deleted_at),
        "system_paused_at": None,
        "stitch_client_id": entry.account_id,
        "paused_at": entry.paused_at,
        "id": entry.integration_id,
        "display_name": entry.display_name,
        "created_at": _seconds(entry.created_at),
        "report_card": REPORT_CARD,
    }


def generated_token(token: GeneratedToken) -> dict[str, Any]:
    """The only response body that contains a token's text."""
    return {"id": token.token_id, "access_token": token.access_token}


def token_list(tokens: Sequence[TokenEntry]) -> list[dict[str, Any]]:
    return [
        {"token_id": token.token_id, "created_at": _seconds(token.generated_at)} for token in tokens
    ]


def _seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
