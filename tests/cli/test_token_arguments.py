"""A token that somebody pipes in, from whatever wrote the file."""

import io

import pytest

from cli.token_arguments import read_unverified_token
from protocol.token_text import token_text

TOKEN = token_text("at_", 7)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (TOKEN.encode(), TOKEN),
        (f"  {TOKEN}\r\n".encode(), TOKEN),
        (TOKEN.encode("utf-8-sig"), TOKEN),
        (f"{TOKEN}\r\n".encode("utf-16"), TOKEN),
        (b"", ""),
        (b"\xff\xfea", "\ufffd"),
        (b"\x81\x8d", "\ufffd\ufffd"),
    ],
    ids=["plain", "with space", "marked", "UTF-16", "nothing", "half", "no text"],
)
def test_a_token_is_read_as_what_the_file_says(
    raw: bytes, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No locale decides it, and no file ends in a traceback."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), "utf-8", "strict"))

    assert read_unverified_token("?") == read


def test_what_has_no_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * 1_000_000)))

    assert len(read_unverified_token("?")) < 10_000
