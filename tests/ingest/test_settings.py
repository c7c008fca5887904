"""The settings of ingest: every problem is reported, in sentences."""

import pytest

from protocol.limits import BODY_BYTES_MAX
from services.ingest.app import IngestSettings
from services.runtime.config import BadSettings, read_settings

URL = {"PUSHGATE_DATABASE_URL": "postgresql://x"}


def test_a_limit_can_be_lowered() -> None:
    settings = read_settings(IngestSettings, URL | {"PUSHGATE_BODY_BYTES_MAX": "1000"})

    assert settings.body_bytes_max == 1_000


def test_everything_that_is_wrong_is_told_at_once() -> None:
    wrong = {"PUSHGATE_BODY_BYTES_MAX": "20000001", "PUSHGATE_IN_FLIGHT_BYTES_MAX": "0"}
    with pytest.raises(BadSettings) as raised:
        read_settings(IngestSettings, wrong)

    assert raised.value.sentences == [
        "PUSHGATE_DATABASE_URL is not set, and there is no default for it",
        f"PUSHGATE_BODY_BYTES_MAX must be at most {BODY_BYTES_MAX}, got 20000001",
        "PUSHGATE_IN_FLIGHT_BYTES_MAX must be at least 1, got 0",
    ]
