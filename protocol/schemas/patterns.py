"""Estimate the size of a regular expression with its counted repetitions expanded.

The engine is linear in the text, but its worst case is states times characters:
``[01]*1[01]{1000}`` takes 4 µs per character. So the states are counted before compiling. The
estimate is rather too high than too low; invalid expressions are left to the compiler.
"""

import re

from protocol.limits import SCHEMA_PATTERN_STATES_MAX

_REPETITION = re.compile(r"\{\s*(\d{1,6})\s*(?:(,)\s*(\d{0,6})\s*)?\}")
_ESCAPE = re.compile(r"\\(?:[pPxuU](?:\{[^}]{0,64}\}|.)?|.)", re.DOTALL)


def states(pattern: str) -> int:
    """Linear in the length of ``pattern``; groups may be nested to any depth."""
    # For each open group: its states so far, and the states of its last atom.
    open_groups = [(0, 0)]
    position = 0
    while position < len(pattern):
        total, last = open_groups.pop()
        character = pattern[position]
        position += 1
        if character == "(":
            open_groups += [(total + last, 0), (0, 0)]
        elif character == ")" and open_groups:
            outer, _ = open_groups.pop()
            open_groups.append((outer, max(1, total + last)))
        elif character in "*+?|":
            open_groups.append((total + last + 1, 0))
        elif repetition := _REPETITION.match(pattern, position - 1):
            position = repetition.end()
            # Keeps the number small: beyond the limit only the comparison matters.
            states_now = min(last * _times(repetition), SCHEMA_PATTERN_STATES_MAX + 1)
            open_groups.append((total, states_now))
        else:
            position = _end_of_atom(pattern, position - 1)
            open_groups.append((total + last, 1))
    return sum(total + last for total, last in open_groups)


def _times(repetition: re.Match[str]) -> int:
    least, comma, most = repetition[1], repetition[2], repetition[3]
    return max(1, int(least) + 1 if comma and not most else int(most or least))


def _end_of_atom(pattern: str, position: int) -> int:
    if escape := _ESCAPE.match(pattern, position):
        return escape.end()
    return _end_of_class(pattern, position) if pattern[position] == "[" else position + 1


def _end_of_class(pattern: str, position: int) -> int:
    """The position after the bracket that closes the class at ``position``; classes may nest."""
    depth = 0
    literal = -1  # position where a closing bracket is literal: first in its class
    while position < len(pattern):
        character = pattern[position]
        if character == "[":
            depth += 1
            literal = position + (2 if pattern[position + 1 : position + 2] == "^" else 1)
        elif character == "]" and position != literal:
            depth -= 1
            if depth == 0:
                return position + 1
        position += 2 if character == "\\" else 1
    return position
