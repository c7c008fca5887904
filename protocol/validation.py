"""The result of validating a request body."""

from typing import NamedTuple

from protocol.refusals import Refusal


class Validated(NamedTuple):
    """The result for one body. If a refusal is set, the counts may be zero.

    The wire contract (2.5) puts two checks that need the row of the token between the checks of
    the body: whether the client owns the token (P7) and whether the source is active (P5, B11).
    ``refusal_before_owner_check`` applies before them, ``refusal_after_owner_check`` after them;
    the first refusal in that order is the response.
    """

    records: int
    # Table names without U+0000, in order of first appearance, with their numbers of records.
    tables: tuple[tuple[str, int], ...]
    # Of the first record; push only. None if it is not an integer, which is refused later.
    client_id: int | None
    refusal_before_owner_check: Refusal | None
    refusal_after_owner_check: Refusal | None
    # Has no keys, so that loading it twice would duplicate its rows; batch only.
    append_only: bool = False
    # Smallest and greatest sequence of an ordinary push without table versions, where sequences
    # alone decide between this push and others; otherwise None.
    sequences: tuple[int, int] | None = None

    @property
    def refusal(self) -> Refusal | None:
        """The response if the token's row raises no objection; None for a valid body."""
        return self.refusal_before_owner_check or self.refusal_after_owner_check


def refused_before_owner_check(refusal: Refusal) -> Validated:
    return Validated(0, (), None, refusal, None)


def refused_after_owner_check(refusal: Refusal, client_id: int | None = None) -> Validated:
    return Validated(0, (), client_id, None, refusal)
