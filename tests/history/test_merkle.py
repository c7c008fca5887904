"""Properties of the tree, against the RFC's own recursive definition and against tlog-scales."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import tlog

from events.merkle import (
    Frontier,
    Span,
    consistency_spans,
    full_subtrees,
    inclusion_spans,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.history import merkle_reference

SIZE_MAX = 300


def leaves_of(size: int) -> list[bytes]:
    return [f"leaf {number}".encode() for number in range(size)]


def hashes_of(size: int) -> list[bytes]:
    return [leaf_hash(leaf) for leaf in leaves_of(size)]


def proof_over(size: int, spans: list[Span]) -> list[bytes]:
    return [root_of(hashes_of(size)[span.start : span.end]) for span in spans]


@st.composite
def numbers_and_sizes(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(st.integers(1, SIZE_MAX))
    return draw(st.integers(0, size - 1)), size


@given(st.integers(0, SIZE_MAX))
def test_the_root_is_the_rfcs(size: int) -> None:
    assert root_of(hashes_of(size)) == merkle_reference.tree_hash(leaves_of(size))


@given(st.integers(0, SIZE_MAX))
def test_a_growing_tree_has_the_root_of_a_whole_one(size: int) -> None:
    growing = Frontier()
    growing.extend(hashes_of(size))

    assert growing.root() == merkle_reference.tree_hash(leaves_of(size))


@given(st.integers(0, SIZE_MAX // 8), st.integers(0, 7))
def test_a_tree_grows_by_full_subtrees_and_an_edge(subtrees: int, edge: int) -> None:
    growing = Frontier()
    hashes = hashes_of(8 * subtrees + edge)
    for start in range(0, 8 * subtrees, 8):
        growing.push(root_of(hashes[start : start + 8]), height=3)

    assert growing.root(edge=hashes[8 * subtrees :]) == root_of(hashes)


@given(numbers_and_sizes())
def test_an_inclusion_path_is_the_rfcs(where: tuple[int, int]) -> None:
    number, size = where
    ours = proof_over(size, inclusion_spans(number, size))

    assert ours == merkle_reference.path(number, leaves_of(size))


@given(numbers_and_sizes())
def test_a_consistency_proof_is_the_rfcs(where: tuple[int, int]) -> None:
    old, size = where[0] + 1, where[1]
    ours = proof_over(size, consistency_spans(old, size))

    assert ours == merkle_reference.proof(old, leaves_of(size))


@given(numbers_and_sizes(), st.data())
def test_a_single_bit_changed_in_an_inclusion_proof_fails(
    where: tuple[int, int], data: st.DataObject
) -> None:
    number, size = where
    hashes = hashes_of(size)
    parts = [hashes[number], *proof_over(size, inclusion_spans(number, size)), root_of(hashes)]
    leaf, *proof, root = flip_one_bit(parts, data)

    assert not verify_inclusion(leaf, number, size=size, proof=proof, root=root)


@given(numbers_and_sizes(), st.data())
def test_a_single_bit_changed_in_a_consistency_proof_fails(
    where: tuple[int, int], data: st.DataObject
) -> None:
    old, size = where[0] + 1, where[1]
    hashes = hashes_of(size)
    proof = proof_over(size, consistency_spans(old, size))
    old_root, *proof, new_root = flip_one_bit(
        [root_of(hashes[:old]), *proof, root_of(hashes)], data
    )

    assert not verify_consistency(old, size, old_root=old_root, new_root=new_root, proof=proof)


def flip_one_bit(hashes: list[bytes], data: st.DataObject) -> list[bytes]:
    place = data.draw(st.integers(0, len(hashes) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = (int.from_bytes(hashes[place]) ^ 1 << bit).to_bytes(32)
    return [*hashes[:place], changed, *hashes[place + 1 :]]


@given(numbers_and_sizes(), st.integers(0, SIZE_MAX))
def test_a_proof_holds_for_no_other_number(where: tuple[int, int], elsewhere: int) -> None:
    number, size = where
    proof = proof_over(size, inclusion_spans(number, size))
    leaf, root = hashes_of(size)[number], root_of(hashes_of(size))
    holds = verify_inclusion(leaf, elsewhere, size=size, proof=proof, root=root)

    assert holds == (number == elsewhere)


@given(numbers_and_sizes())
def test_another_librarys_verifier_accepts_our_proofs(where: tuple[int, int]) -> None:
    number, size = where
    hashes = hashes_of(size)
    inclusion = proof_over(size, inclusion_spans(number, size))
    consistency = proof_over(size, consistency_spans(number + 1, size))

    tlog.InclusionProof(number, size, inclusion).check(hashes[number], root_of(hashes))
    tlog.ConsistencyProof(number + 1, size, consistency).check(
        root_of(hashes[: number + 1]), root_of(hashes)
    )


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_a_span_is_cut_into_aligned_subtrees_without_gap_or_overlap(start: int, width: int) -> None:
    pieces = full_subtrees(Span(start, start + width))

    assert [n for piece in pieces for n in range(*piece)] == list(range(start, start + width))
    for piece in pieces:
        size = piece.end - piece.start
        assert size & (size - 1) == 0
        assert piece.start % size == 0


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5), (-1, 5)])
def test_there_is_no_consistency_proof_between_such_sizes(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="cannot be proven"):
        consistency_spans(old, new)


@pytest.mark.parametrize(("number", "size"), [(5, 5), (-1, 5), (0, 0)])
def test_there_is_no_inclusion_proof_for_such_places(number: int, size: int) -> None:
    with pytest.raises(ValueError, match="there is no leaf"):
        inclusion_spans(number, size)


def test_a_full_subtree_is_pushed_only_where_it_belongs() -> None:
    tree = Frontier()
    tree.push(leaf_hash(b"a"))

    with pytest.raises(ValueError, match="cannot follow"):
        tree.push(leaf_hash(b"b"), height=1)
