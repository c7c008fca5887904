"""Facts about receipts and about the log itself: streams ``receipts`` and ``log``."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptsSealed:
    """The ``count`` receipts numbered ``first`` to ``last``, inclusive.

    ``root`` is the Merkle root (64 hex digits) over their texts in order of number. Numbers have
    gaps, seals do not: each seal starts one after the ``last`` of the previous one, from 1.
    """

    first: int
    last: int
    count: int
    root: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRestored:
    """The log was restored from a backup and continues under a new origin.

    ``old_origin``, ``old_size`` and ``old_root`` (64 hex digits) are those of the last checkpoint
    known to have been published. Facts from the number of this one to ``old_size`` are lost.
    """

    old_origin: str
    old_size: int
    old_root: str


EvidenceFact = ReceiptsSealed | LogRestored
