"""A token's text where the command line wants something else: no error repeats it."""

from __future__ import annotations

import argparse

import pytest

from cli.__main__ import make_parser
from cli.command import run_command
from cli.errors import FAILED, USAGE, CommandFailed
from services.tokens.use_cases.new_tokens import new_token

TOKEN = new_token("at_").text

TAKES_AN_ID = ["audit trace", "tokens revoke", "connect-tokens revoke"]


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(words)

    assert ended.value.code == USAGE
    return capsys.readouterr().err


@pytest.mark.parametrize("command", TAKES_AN_ID)
@pytest.mark.parametrize(
    "text",
    [TOKEN, TOKEN[:12], "at_short-of-it", "-1", "1_0", "2147483648"],
    ids=["a token", "its beginning", "short of one", "negative", "with a line", "too large"],
)
def test_what_is_no_id_is_not_repeated(
    command: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = told([*command.split(), "--", text], capsys)

    assert "be an id" in errors
    assert text not in errors


@pytest.mark.parametrize("command", TAKES_AN_ID)
def test_an_id_is_taken(command: str) -> None:
    arguments = make_parser().parse_args([*command.split(), "2147483647"])

    assert 2147483647 in vars(arguments).values()


@pytest.mark.parametrize(
    "words",
    [
        [TOKEN],
        ["audit", TOKEN],
        ["tokens", "revoke", "1", TOKEN],
        ["members", "erase", TOKEN],
        ["refusals", "--limit", TOKEN],
        ["push", "-", "--table", "t", "--client-id", TOKEN],
    ],
    ids=lambda words: " ".join(words[:-1]) or "alone",
)
def test_a_token_in_any_other_place_is_masked(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    errors = told(words, capsys)

    assert "at_***" in errors
    assert TOKEN not in errors


def test_a_refusal_that_names_what_was_given_masks_it(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_: argparse.Namespace) -> None:
        raise CommandFailed(f"There is no integration {TOKEN!r}.")

    assert run_command(argparse.Namespace(run=refuse)) == FAILED
    assert capsys.readouterr().err == "pushgate: There is no integration 'at_***'.\n"
