"""The most work a schema can make of one value, wherever that value stands in a record.

References and branches multiply: thirty definitions that each mention the one before twice are
a billion checks of one value. No validator can be interrupted, so the worst case is counted on
the graph of sub-schemas before the first record is looked at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from protocol.limits import NESTING_LEVELS_MAX, SCHEMA_WORK_MAX
from protocol.refusals.batch import SchemaInvalid
from protocol.schemas.dialect import Node


@dataclass(frozen=True, slots=True)
class Cost:
    """Keywords checked on ``data`` itself, on any value below it; states a character meets."""

    record: int
    value: int
    character: int


def cost_of(nodes: list[Node]) -> Cost:
    """Of the first node. Raises SchemaInvalid when references lead in a circle or explode."""
    ordered = _targets_first(nodes)
    keywords = list(_worst_by_level(nodes[0], ordered, _keywords))
    states = _worst_by_level(nodes[0], ordered, _pattern_states)
    return Cost(keywords[0], max(keywords[1:], default=0), max(states))


def _targets_first(nodes: list[Node]) -> list[Node]:
    """Every node after those that it hands its own value to."""
    ordered: list[Node] = []
    open_nodes: set[Node] = set()
    done: set[Node] = set()
    stack: list[tuple[Node, Iterator[Node]]] = []
    for start in nodes:
        if start in done:
            continue
        stack.append((start, iter(start.same)))
        open_nodes.add(start)
        while stack:
            node, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                stack.pop()
                open_nodes.discard(node)
                done.add(node)
                ordered.append(node)
            elif target in open_nodes:
                raise SchemaInvalid("$ref leads back to itself")
            elif target not in done:
                stack.append((target, iter(target.same)))
                open_nodes.add(target)
    return ordered


def _keywords(node: Node) -> int:
    return node.keywords


def _pattern_states(node: Node) -> int:
    return node.pattern_states


def _worst_by_level(root: Node, ordered: list[Node], own: Callable[[Node], int]) -> Iterator[int]:
    """What ``root`` makes of its own value, of a member, of a member of a member and so on."""
    worst: dict[Node, int] = {}
    for node in ordered:
        worst[node] = _capped(own(node) + sum(worst[target] for target in node.same))
    for _ in range(NESTING_LEVELS_MAX):
        _refuse_explosion(worst[root])
        yield worst[root]
        deeper = _one_level_deeper(ordered, worst)
        if deeper == worst or not any(deeper.values()):
            return
        worst = deeper


def _one_level_deeper(ordered: list[Node], worst: dict[Node, int]) -> dict[Node, int]:
    objects: dict[Node, int] = {}
    arrays: dict[Node, int] = {}
    for node in ordered:
        objects[node] = (
            max((worst[member] for member in node.properties), default=0)
            + sum(worst[member] for member in node.any_member)
            + sum(objects[target] for target in node.same)
        )
        arrays[node] = (
            max((worst[item] for item in node.items), default=0)
            + sum(worst[item] for item in node.any_item)
            + sum(arrays[target] for target in node.same)
        )
    # A value is one or the other.
    return {node: _capped(max(objects[node], arrays[node])) for node in ordered}


def _capped(work: int) -> int:
    """Numbers with more digits than a refusal needs would only cost time themselves."""
    return min(work, SCHEMA_WORK_MAX + 1)


def _refuse_explosion(worst: int) -> None:
    if worst > SCHEMA_WORK_MAX:
        raise SchemaInvalid("references and branches multiply beyond what can be checked")
