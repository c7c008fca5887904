"""Facts that a log states about other evidence: streams ``receipts`` and ``log``."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptsSealed:
    """The receipts numbered ``first`` to ``last``, both included, of which there are ``count``.

    ``root`` is the Merkle root (64 hex digits) over their texts in order of number. Numbers have
    gaps; seals do not: each begins one after the ``last`` of the one before it, from 1.
    """

    first: int
    last: int
    count: int
    root: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRestored:
    """The log was put back from a backup and goes on here, under a new origin.

    The old ones are the three lines of the last checkpoint that is known to have been handed out,
    its root as 64 hex digits. Facts between this one's number and ``old_size`` are lost.
    """

    old_origin: str
    old_size: int
    old_root: str


EvidenceFact = ReceiptsSealed | LogRestored
