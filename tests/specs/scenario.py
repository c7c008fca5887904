"""The vocabulary of the specifications: given facts, when a command, then facts or a refusal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from events.types import Fact
from services.tokens.domain.accounts import ACCOUNT
from services.tokens.domain.decider import Decider
from services.tokens.domain.integrations import INTEGRATION
from services.tokens.refusals import CommandRefused


@dataclass(frozen=True)
class Given:
    decider: Decider[Any, Any, Any]
    facts: Sequence[Fact]

    def when(self, *commands: Any) -> "When":
        return When(self, commands)


@dataclass(frozen=True)
class When:
    given: Given
    commands: Sequence[Any]

    def then(self, *expected: Fact) -> None:
        assert self._decided() == list(expected)

    def then_nothing_happens(self) -> None:
        assert self._decided() == []

    def then_refused(self, refusal: type[CommandRefused]) -> None:
        with pytest.raises(refusal):
            self._decided()

    def _decided(self) -> list[Fact]:
        decider = self.given.decider
        return decider.decide_all(decider.fold(self.given.facts), self.commands)


def given(facts: Sequence[Fact]) -> Given:
    """Of an integration's stream."""
    return Given(INTEGRATION, facts)


def given_account(facts: Sequence[Fact]) -> Given:
    return Given(ACCOUNT, facts)
