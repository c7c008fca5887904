"""The vectors of transparency-dev/merkle; see vectors/README.md."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from events.merkle import EMPTY_ROOT, leaf_hash, root_of, verify_consistency, verify_inclusion

VECTORS = json.loads((Path(__file__).parent / "vectors/transparency-dev-merkle.json").read_text())
LEAVES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")
] + [bytes(range(0x60, 0x70))]
ANOTHER = bytes(31) + b"\x07"


class Inclusion(NamedTuple):
    number: int
    size: int
    root: bytes
    leaf: bytes
    proof: list[bytes]

    def holds(self) -> bool:
        return verify_inclusion(
            self.leaf, self.number, size=self.size, proof=self.proof, root=self.root
        )


class Consistency(NamedTuple):
    old_size: int
    new_size: int
    old_root: bytes
    new_root: bytes
    proof: list[bytes]

    def holds(self) -> bool:
        return verify_consistency(
            self.old_size,
            self.new_size,
            old_root=self.old_root,
            new_root=self.new_root,
            proof=self.proof,
        )


def raw(text: str) -> bytes:
    return base64.b64decode(text)


INCLUSIONS = [
    Inclusion(
        v["leafIdx"], v["treeSize"], raw(v["root"]), raw(v["leafHash"]), [*map(raw, v["proof"])]
    )
    for v in VECTORS["inclusion"]
]
CONSISTENCIES = [
    Consistency(v["size1"], v["size2"], raw(v["root1"]), raw(v["root2"]), [*map(raw, v["proof"])])
    for v in VECTORS["consistency"]
]


def flipped(hashes: list[bytes], place: int, bit: int) -> list[bytes]:
    changed = bytearray(hashes[place])
    changed[0] ^= 1 << bit
    return [*hashes[:place], bytes(changed), *hashes[place + 1 :]]


def broken_proofs(proof: list[bytes], roots: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """The changes to a proof that both kinds of vectors share."""
    yield "trailing-garbage", [*proof, b""]
    yield "preceding-garbage", [b"", *proof]
    for place, root in enumerate(roots, 1):
        yield f"trailing-root{place}", [*proof, root]
        yield f"preceding-root{place}", [root, *proof]
    for place in range(len(proof)):
        yield f"modified-proof[{place}]-bit-3", flipped(proof, place, 3)
        yield f"modified-proof[{place}]-bit-4", flipped(proof, place, 4)
    if proof:
        yield "truncated-proof", proof[:-1]
        yield "removed-component", proof[1:]
        yield "empty-proof", []
        yield "preceding-proof[0]", [proof[0], *proof]
        yield "inserted-component", [proof[0], ANOTHER, *proof[1:]]


def broken_inclusions(good: Inclusion) -> Iterator[tuple[str, Inclusion]]:
    for name, proof in broken_proofs(good.proof, [good.root]):
        yield name, good._replace(proof=proof)
    yield "leafIdx-+-1", good._replace(number=good.number + 1)
    yield "leafIdx---1", good._replace(number=good.number - 1)
    yield "leafIdx-^-2", good._replace(number=good.number ^ 2)
    yield "treeSize-*-2", good._replace(size=good.size * 2)
    yield "treeSize-div-2", good._replace(size=good.size // 2)
    yield "wrong-leaf", good._replace(leaf=ANOTHER)
    yield "empty-root", good._replace(root=b"")
    yield "random-root", good._replace(root=ANOTHER)


def broken_consistencies(good: Consistency) -> Iterator[tuple[str, Consistency]]:
    for name, proof in broken_proofs(good.proof, [good.old_root, good.new_root]):
        yield name, good._replace(proof=proof)
    yield "size1---1", good._replace(old_size=good.old_size - 1)
    yield "size1-+-1", good._replace(old_size=good.old_size + 1)
    yield "size1-^-2", good._replace(old_size=good.old_size ^ 2)
    yield "size2-*-2", good._replace(new_size=good.new_size * 2)
    yield "size2-div-2", good._replace(new_size=good.new_size // 2)
    yield "wrong-root1", good._replace(old_root=ANOTHER)
    yield "wrong-root2", good._replace(new_root=ANOTHER)
    if good.old_root != good.new_root:
        yield "swapped-roots", good._replace(old_root=good.new_root, new_root=good.old_root)


def cases(goods: list[Any], broken: Any) -> list[Any]:
    return [
        pytest.param(bad, id=f"{place}-{name}")
        for place, good in enumerate(goods)
        for name, bad in broken(good)
    ]


@pytest.mark.parametrize("vector", INCLUSIONS)
def test_the_published_inclusion_proofs_hold(vector: Inclusion) -> None:
    assert vector.holds()


@pytest.mark.parametrize("vector", CONSISTENCIES)
def test_the_published_consistency_proofs_hold(vector: Consistency) -> None:
    assert vector.holds()


@pytest.mark.parametrize("vector", cases(INCLUSIONS, broken_inclusions))
def test_a_changed_inclusion_proof_fails(vector: Inclusion) -> None:
    assert not vector.holds()


@pytest.mark.parametrize("vector", cases(CONSISTENCIES, broken_consistencies))
def test_a_changed_consistency_proof_fails(vector: Consistency) -> None:
    assert not vector.holds()


@pytest.mark.parametrize("vector", INCLUSIONS)
def test_the_published_roots_are_ours(vector: Inclusion) -> None:
    ours = root_of([leaf_hash(leaf) for leaf in LEAVES[: vector.size]])

    assert ours == vector.root


def test_nothing_is_consistent_with_an_empty_tree() -> None:
    assert not verify_consistency(0, 1, old_root=EMPTY_ROOT, new_root=INCLUSIONS[0].root, proof=[])
