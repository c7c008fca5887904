"""A token's file, whatever somebody does to it while an app runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pushgate_client import (
    FixedToken,
    TokenCallback,
    TokenFile,
    TokenFromEnvironment,
    TokenUnreadable,
)
from pushgate_client.tokens import CheckedTokenSource


@pytest.mark.parametrize(
    "content",
    [b"at_1", b"at_1\n", b"at_1\r\n", b"  at_1  \nat_2\n", b"\xef\xbb\xbfat_1\n"],
    ids=["bare", "line", "of Windows", "with more below", "with a byte order mark"],
)
async def test_the_first_line_counts_however_it_ends(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    assert await TokenFile(file).read() == "at_1"


@pytest.mark.parametrize("content", [b"", b"\n", b"  \nat_2", b"\xff\xfe"])
async def test_a_file_without_a_token_is_told_and_then_read_again(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    source = TokenFile(file)

    with pytest.raises(TokenUnreadable, match="token"):
        await source.read()
    file.write_text("at_1\n")
    assert await source.read() == "at_1"


async def test_a_file_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("at_1\n")
    source = TokenFile(file)
    file.unlink()

    with pytest.raises(TokenUnreadable, match="can't be read"):
        await source.read()
    file.write_text("at_2\n")
    assert await source.read() == "at_2"


async def test_a_new_token_is_seen_although_file_and_clock_look_the_same(tmp_path: Path) -> None:
    """Tokens are all of one length, and two of them can be written within a tick."""
    file = tmp_path / "token"
    file.write_text("at_1\n")
    source = TokenFile(file)
    times = []
    for token in ("at_1", "at_2"):
        file.write_text(f"{token}\n")
        times.append(await source.read())

    assert times == ["at_1", "at_2"]


async def test_a_file_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    file, beside = tmp_path / "token", tmp_path / "token.new"
    file.write_text("at_1\n")
    source = TokenFile(file)
    await source.read()
    beside.write_text("at_2\n")
    beside.replace(file)

    assert await source.read() == "at_2"


async def test_a_callback_may_be_a_coroutine() -> None:
    async def ask() -> str:
        return "at_1"

    assert await TokenCallback(ask).read() == "at_1"
    with pytest.raises(TokenUnreadable):
        await TokenCallback(lambda: "").read()


async def test_the_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    source = TokenFromEnvironment("A_TOKEN_OF_THIS_TEST")
    with pytest.raises(TokenUnreadable, match="not set"):
        await source.read()
    monkeypatch.setenv("A_TOKEN_OF_THIS_TEST", "at_1\n")

    assert await source.read() == "at_1"


async def test_a_callback_that_raises_has_no_token_at_the_moment() -> None:
    answers: Iterator[str | Exception] = iter([ConnectionError("at_secret"), "at_1\n"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    source = TokenCallback(ask)
    with pytest.raises(TokenUnreadable, match=r"^The callback failed: ConnectionError\.$"):
        await source.read()
    assert await source.read() == "at_1"


async def test_blanks_around_a_token_are_no_part_of_it() -> None:
    assert await FixedToken(" at_1\r\n").read() == "at_1"
    assert await TokenCallback(lambda: "at_1\n").read() == "at_1"


def test_a_token_of_two_lines_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="control character") as refused:
        FixedToken("at_1\nat_2")

    assert "at_1" not in str(refused.value)


class _Vault:
    """A source as somebody else writes one."""

    def __init__(self, answer: str | Exception) -> None:
        self._answer = answer

    async def read(self) -> str:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("answer", [OSError("at_1"), "at_1\nat_2", "at_1\ud800"])
async def test_whatever_a_source_does_there_is_no_token_at_the_moment(
    answer: str | Exception,
) -> None:
    with pytest.raises(TokenUnreadable) as told:
        await CheckedTokenSource(_Vault(answer)).read()

    assert "at_1" not in str(told.value)
