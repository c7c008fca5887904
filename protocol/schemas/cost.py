"""The most work a schema can make of one value, wherever that value stands in a record.

References and branches multiply: thirty definitions that each mention the one before twice are
a billion checks of one value. No validator can be interrupted, so the worst case is counted on
the graph of sub-schemas before the first record is looked at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from protocol.limits import NESTING_LEVELS_MAX, SCHEMA_WORK_MAX
from protocol.refusals.batch import SchemaInvalid
from protocol.schemas.normalise import SchemaNode


@dataclass(frozen=True, slots=True)
class SchemaCost:
    """In units of some 4 ns, at most.

    ``record``: on ``data`` and on those of its members that the schema names, of which a record
    has each once. ``value``: on any other value in it. ``character``: on one of any string.
    """

    record: int
    value: int
    character: int


def cost_of(nodes: list[SchemaNode]) -> SchemaCost:
    """Of the first node. Raises SchemaInvalid when references lead in a circle or explode."""
    root, ordered = nodes[0], _dependencies_first(nodes)
    work = _total_over_same_value(ordered, lambda node: node.work)
    states = _total_over_same_value(ordered, lambda node: node.pattern_states)
    named = _total_over_same_value(
        ordered, lambda node: sum(work[member] for member in node.named_members)
    )
    unnamed = _total_over_same_value(
        ordered, lambda node: sum(work[member] for member in node.any_member)
    )
    deeper = list(_worst_cost_by_level(root, ordered, work))[2:]
    return SchemaCost(
        record=work[root] + named[root],
        value=max([unnamed[root], *deeper]),
        character=max(_worst_cost_by_level(root, ordered, states)),
    )


def _total_over_same_value(
    ordered: list[SchemaNode], own: Callable[[SchemaNode], int]
) -> dict[SchemaNode, int]:
    """What each node is worth together with all to which it hands its own value."""
    total: dict[SchemaNode, int] = {}
    for node in ordered:
        total[node] = _capped(own(node) + sum(total[target] for target in node.same_value))
    return total


def _dependencies_first(nodes: list[SchemaNode]) -> list[SchemaNode]:
    """Every node after those that it hands its own value to."""
    ordered: list[SchemaNode] = []
    open_nodes: set[SchemaNode] = set()
    done: set[SchemaNode] = set()
    stack: list[tuple[SchemaNode, Iterator[SchemaNode]]] = []
    for start in nodes:
        if start in done:
            continue
        stack.append((start, iter(start.same_value)))
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
                stack.append((target, iter(target.same_value)))
                open_nodes.add(target)
    return ordered


def _worst_cost_by_level(
    root: SchemaNode, ordered: list[SchemaNode], worst: dict[SchemaNode, int]
) -> Iterator[int]:
    """What ``root`` makes of its own value, of a member, of a member of a member and so on."""
    for _ in range(NESTING_LEVELS_MAX):
        if worst[root] > SCHEMA_WORK_MAX:
            raise SchemaInvalid("references and branches multiply beyond what can be checked")
        yield worst[root]
        deeper = _one_level_deeper(ordered, worst)
        if deeper == worst or not any(deeper.values()):
            return
        worst = deeper


def _one_level_deeper(
    ordered: list[SchemaNode], worst: dict[SchemaNode, int]
) -> dict[SchemaNode, int]:
    objects = _total_over_same_value(
        ordered,
        lambda node: (
            max((worst[member] for member in node.named_members), default=0)
            + sum(worst[member] for member in node.any_member)
        ),
    )
    arrays = _total_over_same_value(
        ordered,
        lambda node: (
            max((worst[item] for item in node.one_item_schema), default=0)
            + sum(worst[item] for item in node.any_item)
        ),
    )
    # A value is one or the other.
    return {node: max(objects[node], arrays[node]) for node in ordered}


def _capped(work: int) -> int:
    """Numbers with more digits than a refusal needs would only cost time themselves."""
    return min(work, SCHEMA_WORK_MAX + 1)
