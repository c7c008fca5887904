"""The form of a log line, and what it never holds."""

import json

import pytest

from services.runtime import logs

TOKEN = "at_" + "a1B2c3D4e5" * 4 + "f6G7h8I9j"


@pytest.mark.parametrize("prefix", ["at_", "ac_"])
@pytest.mark.parametrize("around", ["{}", "/v4/{}/x", "Bearer%20{}", "?a={}&b", "KeyError('{}')"])
def test_a_token_in_a_field_is_not_written(prefix: str, around: str) -> None:
    text = around.format(prefix + TOKEN[3:])

    line = logs._render(None, "info", {"event": "history.read", "path": text})

    assert TOKEN[3:] not in line
    assert json.loads(line)["path"] == around.format(f"{prefix}***")


def test_a_mangled_token_is_not_written_either() -> None:
    line = logs._render(None, "info", {"event": "history.read", "path": TOKEN[:-7]})

    assert TOKEN[3:20] not in line


def test_what_is_no_token_stays() -> None:
    fields = {"event": "table.loaded", "table": "format_of_batches", "milliseconds": 12.5}

    assert json.loads(logs._render(None, "info", dict(fields))) == fields
