"""The decider pattern: facts and a command lead to new facts, for any kind of stream. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

from events.types import Fact

StateT = TypeVar("StateT")
CommandT = TypeVar("CommandT")
FactT = TypeVar("FactT", bound=Fact)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decider(Generic[StateT, CommandT, FactT]):
    """The two functions of one kind of stream, so that one executor serves both kinds."""

    decide: Callable[[StateT | None, CommandT], list[FactT]]
    evolve: Callable[[StateT | None, FactT], StateT]

    def fold(self, facts: Iterable[FactT]) -> StateT | None:
        initial: StateT | None = None
        return reduce(self.evolve, facts, initial)

    def decide_all(self, state: StateT | None, commands: Sequence[CommandT]) -> list[FactT]:
        """Decides each command on the state after those before it; one refusal refuses them all."""
        facts: list[FactT] = []
        for command in commands:
            following = self.decide(state, command)
            state = reduce(self.evolve, following, state)
            facts += following
        return facts
