"""The RFC 6962 Merkle tree: roots, inclusion and consistency proofs. Pure.

Two rules beyond the RFC, required by the public test vectors: nothing is consistent with an empty
tree (a log of size 0 proves nothing), and every hash of a proof has exactly 32 bytes.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


class Span(NamedTuple):
    """The leaves from ``start`` to ``end``, exclusive, which form one subtree."""

    start: int
    end: int


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, or over roots of full subtrees of equal size, left to right."""
    level = list(hashes)
    while len(level) > 1:
        unpaired = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + unpaired
    return level[0] if level else EMPTY_ROOT


class Frontier:
    """A growing tree, in memory logarithmic in its size."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def push(self, subtree_root: bytes, *, height: int = 0) -> None:
        """Append a subtree of 2**height leaves; ``size`` must be a multiple of that."""
        if self.size % (1 << height):
            raise ValueError(f"2**{height} leaves cannot follow {self.size}")
        index = self.size >> height
        self.size += 1 << height
        while index & 1:
            subtree_root = node_hash(self._peaks.pop(), subtree_root)
            index >>= 1
        self._peaks.append(subtree_root)

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        for one in leaf_hashes:
            self.push(one)

    def root(self, edge: Sequence[bytes] = ()) -> bytes:
        """The root, including the leaf hashes of ``edge``, which are fewer than the last push."""
        pieces = [*self._peaks, root_of(edge)] if edge else self._peaks
        return _joined(pieces) if pieces else EMPTY_ROOT


def _joined(subtree_roots: Sequence[bytes]) -> bytes:
    *others, root = subtree_roots
    for left in reversed(others):
        root = node_hash(left, root)
    return root


def full_subtrees(span: Span) -> list[Span]:
    """Split into full subtrees that start at a multiple of their size, left to right."""
    pieces, start = [], span.start
    while start < span.end:
        largest = 1 << (span.end - start).bit_length() - 1
        size = min(largest, start & -start) if start else largest
        pieces.append(Span(start, start + size))
        start += size
    return pieces


def inclusion_spans(number: int, size: int) -> list[Span]:
    """The subtrees that form the inclusion proof of leaf ``number``, its sibling first."""
    if not 0 <= number < size:
        raise ValueError(f"there is no leaf {number} in a tree of {size}")
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + _left_leaves(end - start)
        if number < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old_size: int, new_size: int) -> list[Span]:
    """The subtrees that form the consistency proof between the two sizes."""
    if not 0 < old_size <= new_size:
        raise ValueError(f"a tree of {new_size} cannot be proven to extend one of {old_size}")
    spans, start, end = [], 0, new_size
    while end != old_size:
        middle = start + _left_leaves(end - start)
        if old_size <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    if start:
        spans.append(Span(start, end))
    return spans[::-1]


def verify_inclusion(
    leaf: bytes, number: int, *, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether ``leaf`` is the leaf hash at ``number`` in the tree with this size and root."""
    if not 0 <= number < size or _malformed(proof):
        return False
    spans = inclusion_spans(number, size)
    if len(spans) != len(proof):
        return False
    found = leaf
    for span, sibling in zip(spans, proof, strict=True):
        found = node_hash(found, sibling) if span.start > number else node_hash(sibling, found)
    return found == root


def verify_consistency(
    old_size: int, new_size: int, *, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the old tree, of at least one leaf, is a prefix of the new one."""
    if not 0 < old_size <= new_size or _malformed(proof):
        return False
    spans, hashes = consistency_spans(old_size, new_size), list(proof)
    if not spans or spans[0].start == old_size:
        # The old tree is a node of the new one, so the proof omits its root.
        spans, hashes = [Span(0, old_size), *spans], [old_root, *hashes]
    if len(spans) != len(hashes):
        return False
    old_found = new_found = hashes[0]
    for span, sibling in zip(spans[1:], hashes[1:], strict=True):
        if span.start < old_size:
            old_found = node_hash(sibling, old_found)
            new_found = node_hash(sibling, new_found)
        else:
            new_found = node_hash(new_found, sibling)
    return old_found == old_root and new_found == new_root


def _left_leaves(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _malformed(proof: Sequence[bytes]) -> bool:
    return any(len(one) != HASH_BYTES for one in proof)
