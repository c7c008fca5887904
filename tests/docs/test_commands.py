"""docs/reference/commands.md tells of every command there is."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.__main__ import COMMANDS_BY_MODULE, make_parser

PAGE = Path("docs/reference/commands.md").read_text("utf-8")
SENTENCE = re.compile(r"[A-Z`].*\.", re.DOTALL)
ROW = re.compile(r"^\| `pushgate ([^`]+)`", re.MULTILINE)


def commands(parser: argparse.ArgumentParser, *words: str) -> Iterator[str]:
    """Those that do something, each as its words."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if parser.get_default("run") is not None:
        yield " ".join(words)
    for action in inner:
        for name, child in action.choices.items():
            yield from commands(child, *words, name)


def without_arguments(row: str) -> str:
    """`tokens rotate I --finish` is the command `tokens rotate`."""
    words = row.split()
    return " ".join(word for word in words if word == word.lower() and word[0].isalpha())


def test_every_command_has_a_row_and_no_row_is_of_another() -> None:
    assert {without_arguments(row) for row in ROW.findall(PAGE)} == set(commands(make_parser()))


@pytest.mark.parametrize("file", COMMANDS_BY_MODULE)
def test_a_file_registers_the_commands_it_is_read_for(file: str) -> None:
    first_words = {command.split()[0] for command in commands(make_parser([file]))}

    assert first_words == set(COMMANDS_BY_MODULE[file])


@pytest.mark.parametrize("words", sorted(commands(make_parser())))
def test_help_is_in_full_sentences_with_an_example_that_can_be_parsed(words: str) -> None:
    whole = parser = make_parser()
    for word in words.split():
        parser = subcommands(parser)[word]
    options = [one for one in parser._actions[1:] if one.help or one.dest != argparse.SUPPRESS]
    sentences = [parser.description, *(option.help for option in options)]
    example = str(parser.epilog).removeprefix("example:\n  pushgate ").partition(" < ")[0]

    assert [text for text in sentences if not SENTENCE.fullmatch(str(text))] == []
    assert whole.parse_args(shlex.split(example)).run is parser.get_default("run")


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)
