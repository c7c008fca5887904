"""Check the nesting depth and the number of values of ``data`` (wire contract section 3).

``data`` itself is level 1; objects and arrays are levels, every other value is a data point.
Nothing here recurses, and flat data costs one check per record.
"""

import gc
from collections.abc import Sequence
from enum import Enum
from itertools import compress
from typing import Any

from protocol.limits import DATA_POINTS_MAX, NESTING_LEVELS_MAX

_CONTAINERS = frozenset({dict, list})


class Excess(Enum):
    LEVELS = "levels"
    POINTS = "points"


def first_excess(datas: Sequence[dict[str, Any]]) -> tuple[int, Excess] | None:
    """The index of the first ``data`` over a limit, and which limit; depth is checked first."""
    if within_limits(datas):
        return None
    if len(datas) == 1:
        too_deep = _points(datas) is None
        return 0, Excess.LEVELS if too_deep else Excess.POINTS
    middle = len(datas) // 2
    if found := first_excess(datas[:middle]):
        return found
    index, excess = first_excess(datas[middle:]) or (0, Excess.POINTS)
    return index + middle, excess


def within_limits(datas: Sequence[dict[str, Any]]) -> bool:
    # CPython tracks a dict for garbage collection only once it contains a container. So an
    # untracked dict is flat; if all are tracked, this is only slower.
    if not any(map(gc.is_tracked, datas)):
        return max(map(len, datas), default=0) <= DATA_POINTS_MAX
    if max(map(len, datas)) > DATA_POINTS_MAX:
        return False
    return _nested_within_limits(list(compress(datas, map(gc.is_tracked, datas))))


def _nested_within_limits(datas: Sequence[dict[str, Any]]) -> bool:
    points = _points(datas)
    if points is None or len(datas) == 1:
        return points is not None and points <= DATA_POINTS_MAX
    if points <= DATA_POINTS_MAX:
        return True
    # More than one ``data`` may have, but spread over many: halve the points per part.
    size = max(1, len(datas) * DATA_POINTS_MAX // (2 * points))
    parts = (datas[start : start + size] for start in range(0, len(datas), size))
    return all(map(_nested_within_limits, parts))


def members(value: Any) -> int:
    """The number of values, at any depth, inside a value that is within the limits."""
    found = 0
    containers = [value] if type(value) in _CONTAINERS else []
    while containers:
        found += sum(map(len, containers))
        containers = _containers_in(containers)
    return found


def _points(containers: Sequence[Any]) -> int | None:
    """The number of values in all containers together; None if one is nested too deeply."""
    points = 0
    for _ in range(NESTING_LEVELS_MAX):
        points += sum(map(len, containers))
        containers = _containers_in(containers)
        points -= len(containers)
        if not containers:
            return points
    return None


def _containers_in(containers: Sequence[Any]) -> list[Any]:
    return [
        value
        for container in containers
        for value in (container.values() if type(container) is dict else container)
        if type(value) in _CONTAINERS
    ]
