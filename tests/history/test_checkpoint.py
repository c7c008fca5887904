from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import signing, tlog

from events.checkpoint import (
    BadCheckpoint,
    Checkpoint,
    VerifierKey,
    WrongKey,
    open_note,
    proof_text,
    read_proof,
    read_unverified_note,
    sign,
    verifier_key,
)

ORIGIN = "pushgate/3f2a"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = verifier_key(ORIGIN, PRIVATE)
CHECKPOINT = Checkpoint(origin=ORIGIN, size=109_482, root=sha256(b"root").digest())
NOTE = sign(CHECKPOINT, PRIVATE)


def test_a_note_opens_with_the_key_that_signed_it() -> None:
    assert open_note(NOTE, KEY) == CHECKPOINT


def test_golden_text() -> None:
    """Stored checkpoints must open permanently: a change here breaks every auditor's copy."""
    assert NOTE == (
        "pushgate/3f2a\n"
        "109482\n"
        "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
        "\n"
        "— pushgate/3f2a AqUCmV/u0nwHUdIBGU3S3tddG2DmBAmUWWQjEldmdRJK0sW3CLrsrZV/xx2vmKf3iKp9OwBv"
        "xH9Wyfs9H+V5mZ8sagU=\n"
    )


def test_a_published_verifier_key_is_read() -> None:
    """The example of Go's sumdb/note."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

    assert str(VerifierKey.parse(text)) == text


def test_another_library_opens_our_note() -> None:
    theirs = tlog.Checkpoint.from_text(NOTE)
    theirs.verify(signing.Vkey.from_string(str(KEY)))

    assert (theirs.origin, theirs.size, theirs.root_hash) == (ORIGIN, 109_482, CHECKPOINT.root)


def test_we_open_another_librarys_note() -> None:
    signer = signing.PlainEd25519Signer(ORIGIN, PRIVATE)
    note = tlog.Checkpoint.make_signed(ORIGIN, 7, CHECKPOINT.root, [signer]).serialize()

    assert open_note(note, KEY) == Checkpoint(origin=ORIGIN, size=7, root=CHECKPOINT.root)


def test_signatures_of_strangers_are_passed_over() -> None:
    stranger = sign(CHECKPOINT, OTHER_PRIVATE).splitlines(keepends=True)[-1]

    assert open_note(NOTE + stranger, KEY) == CHECKPOINT


def test_a_note_without_our_signature_is_refused() -> None:
    with pytest.raises(WrongKey):
        open_note(sign(CHECKPOINT, OTHER_PRIVATE), KEY)


def test_the_same_key_under_another_name_is_another_key() -> None:
    with pytest.raises(WrongKey):
        open_note(NOTE, KEY.renamed("pushgate/elsewhere"))


@given(st.data())
def test_no_bit_of_a_note_can_be_changed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(NOTE) - 1))
    other = chr(ord(NOTE[place]) ^ 1 << data.draw(st.integers(0, 10)))
    changed = NOTE[:place] + other + NOTE[place + 1 :]

    with pytest.raises(BadCheckpoint):
        open_note(changed, KEY)


@given(st.text())
def test_no_text_crashes_the_reader(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        read_unverified_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\n01\n" + "A" * 43 + "=\n\n— a AAAAAAA=\n",
        "a\n-1\n" + "A" * 43 + "=\n\n— a AAAAAAA=\n",
        "a\n1\n" + "A" * 42 + "B=\n\n— a AAAAAAA=\n",  # bits beyond the 32nd byte
        "a\n1\n" + "A" * 43 + "=\nextra\n\n— a AAAAAAA=\n",
        "a\n1\n" + "A" * 43 + "=\n\n— a AAAA\n",
        "a\n1\n" + "A" * 43 + "=\n\n- a AAAAAAA=\n",
        "a\n1\n" + "A" * 43 + "=\n\n— a AAAAAAA=",
        "a\x01\n1\n" + "A" * 43 + "=\n\n— a AAAAAAA=\n",
    ],
)
def test_a_malformed_note_is_refused(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        read_unverified_note(text)


@pytest.mark.parametrize(
    "text", ["", "a", "a+00000000+AAAA", str(KEY)[:-4] + "AAAA", str(KEY) + "x"]
)
def test_a_mistyped_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        VerifierKey.parse(text)


@given(st.integers(0, 2**60), st.lists(st.binary(min_size=32, max_size=32), max_size=40))
def test_a_proof_is_read_as_it_was_written(number: int, hashes: list[bytes]) -> None:
    read = read_proof(proof_text(number, hashes, NOTE))

    assert read == (number, hashes, NOTE)


def test_a_proof_may_carry_extra_data() -> None:
    text = proof_text(7, [CHECKPOINT.root], NOTE).replace("\nindex", "\nextra YQ==\nindex", 1)

    assert read_proof(text).number == 7


@given(st.text())
def test_no_text_crashes_the_reader_of_proofs(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        read_proof(text)
