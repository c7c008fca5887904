"""Settings that would fail later are refused at the start, each with a sentence."""

from dataclasses import dataclass, field

import pytest

from services.runtime.config import BadSettings, read_settings


@dataclass(frozen=True, kw_only=True)
class Settings:
    port: int = 0
    slots: int = 1
    seconds: float = field(default=1.0, metadata={"at_least": 0, "at_most": 60})
    ratio: float | None = None


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("PORT", "-1", "must be at least 0, got -1"),
        ("PORT", "65536", "must be at most 65535, got 65536"),
        ("SLOTS", "1.5", "must be a whole number, got '1.5'"),
        ("SECONDS", "ten", "must be a number, got 'ten'"),
        ("SECONDS", "61", "must be at most 60, got 61"),
        ("SECONDS", "nan", "must be a finite number, got 'nan'"),
        ("SECONDS", "-inf", "must be a finite number, got '-inf'"),
        ("RATIO", "1e999", "must be a finite number, got '1e999'"),
    ],
)
def test_a_number_that_cannot_be_used_is_refused(name: str, text: str, sentence: str) -> None:
    with pytest.raises(BadSettings) as raised:
        read_settings(Settings, {f"PUSHGATE_{name}": text})

    assert raised.value.sentences == [f"PUSHGATE_{name} {sentence}"]


def test_numbers_within_their_limits_are_read() -> None:
    texts = {"PORT": "65535", "SECONDS": "0.5", "RATIO": "-3"}
    environment = {f"PUSHGATE_{name}": text for name, text in texts.items()}

    assert read_settings(Settings, environment) == Settings(port=65_535, seconds=0.5, ratio=-3)
