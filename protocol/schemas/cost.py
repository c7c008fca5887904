"""Bound the worst-case cost of applying a schema, before the first record is validated.

References and branches multiply: with thirty definitions that each refer twice to the one before,
validating one value takes a billion checks. A running validator cannot be interrupted, so the worst
case is computed from the graph of sub-schemas (``SchemaNode``).

The graph has two kinds of edges. ``same_value`` leads to sub-schemas that see the same value
(references, ``allOf``, ``anyOf``, …): costs along them add up, and because they form no cycle they
are summed once in dependency order. The other edges lead to sub-schemas of members and items, which
see values one level deeper: following them level by level gives the most expensive value at each
depth. All costs are in units of about 4 ns, as measured.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from protocol.limits import NESTING_LEVELS_MAX, SCHEMA_WORK_MAX
from protocol.refusals.batch import SchemaInvalid
from protocol.schemas.normalise import SchemaNode


@dataclass(frozen=True, slots=True)
class SchemaCost:
    """Upper bounds, in units of about 4 ns.

    ``record``: for ``data`` itself and those of its members that the schema names, each of which
    occurs once per record. ``value``: for any other value in it. ``character``: for one character
    of any string.
    """

    record: int
    value: int
    character: int


def cost_of(nodes: list[SchemaNode]) -> SchemaCost:
    """The cost of the first node. Raises SchemaInvalid if references are circular or multiply."""
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
    """``own`` of each node plus the totals of all sub-schemas that see the same value."""
    total: dict[SchemaNode, int] = {}
    for node in ordered:
        total[node] = _capped(own(node) + sum(total[target] for target in node.same_value))
    return total


def _dependencies_first(nodes: list[SchemaNode]) -> list[SchemaNode]:
    """Nodes ordered so that each comes after its ``same_value`` nodes (topological sort)."""
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
    """The worst cost of the value that ``root`` sees, then of values at each deeper level."""
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
    # A value is either an object or an array.
    return {node: max(objects[node], arrays[node]) for node in ordered}


def _capped(work: int) -> int:
    """Keeps numbers small: beyond the limit only the comparison matters."""
    return min(work, SCHEMA_WORK_MAX + 1)
