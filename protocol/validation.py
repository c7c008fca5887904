"""What the gate needs to know of a request body once it has been read."""

from typing import NamedTuple

from protocol.refusals import Refusal


class Validated(NamedTuple):
    """One body, checked. With ``early`` or ``late`` set, the counts may be zero.

    The wire contract (2.5) puts two checks that need the token's row between ours: does the
    client own the token (P7), is the source active (P5, B11). ``early`` comes before them,
    ``late`` after; the first refusal in that order is the answer.
    """

    records: int
    # Names in order of first appearance with U+0000 dropped, equal names merged, and how many
    # records each has.
    tables: tuple[tuple[str, int], ...]
    # The first record's; push only. None also when it is not an integer, which ``late`` refuses.
    client_id: int | None
    refusal_before_owner_check: Refusal | None
    refusal_after_owner_check: Refusal | None
    # Without keys, so that a repeat would be loaded as rows of its own; batch only.
    append_only: bool = False
    # The least and the greatest, where nothing but sequences decides between this push and others:
    # of upserts without versions of their table, when all are ordinary.
    sequences: tuple[int, int] | None = None


def refused_before_owner_check(refusal: Refusal) -> Validated:
    return Validated(0, (), None, refusal, None)


def refused_after_owner_check(refusal: Refusal, client_id: int | None = None) -> Validated:
    return Validated(0, (), client_id, None, refusal)
