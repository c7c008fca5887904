"""An export as `audit verify FILE` looks at it, with what an auditor kept beforehand."""

from pathlib import Path

import pytest

from audit.errors import AuditFailed
from audit.trust_store import TrustStore
from audit.verify import Verification, verify_export
from cli.audit.verify import verification_text, writable_path
from cli.errors import CommandFailed
from tests.history.exports import KEY, hash_of, lines_of, note_over, renames, written

LINES = lines_of(renames(6))
REWRITTEN = [*lines_of(renames(2)), *(line.replace("shop", "stop") for line in LINES[2:])]
ELSEWHERE = lines_of(renames(3), origin="pushgate/ffff")


@pytest.fixture
def memory(tmp_path: Path) -> TrustStore:
    """Of somebody who saw the first four events."""
    kept = TrustStore(tmp_path / "audit")
    kept.save(key=KEY, checkpoint=note_over(LINES[:4]), whole=False)
    return kept


def verified(directory: Path, memory: TrustStore, lines: list[str], note: str) -> Verification:
    path = written(directory / "export", lines)
    path.with_name("export.checkpoint").write_text(note)
    return verify_export(path, "", memory, whole=False)


def test_it_has_to_extend_what_was_kept(tmp_path: Path, memory: TrustStore) -> None:
    verification = verified(tmp_path, memory, LINES, note_over(LINES))

    assert verification.verified
    text = verification_text(verification, of_export=True)
    assert "(of the export; extends the one verified " in text


def test_one_that_was_rewritten_and_signed_again_is_named(
    tmp_path: Path, memory: TrustStore
) -> None:
    verification = verified(tmp_path, memory, REWRITTEN, note_over(REWRITTEN))

    assert verification.result["verdict"] == "altered"
    assert "extends" not in verification_text(verification, of_export=True)


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (LINES[:3], note_over(LINES[:3])),
        (ELSEWHERE, note_over(ELSEWHERE, origin="pushgate/ffff")),
    ],
    ids=["older", "of another log"],
)
def test_one_that_cannot_be_compared_is_looked_at_alone(
    lines: list[str], note: str, tmp_path: Path, memory: TrustStore
) -> None:
    verification = verified(tmp_path, memory, lines, note)

    assert verification.verified
    text = verification_text(verification, of_export=True)
    assert "(of the export; not compared with the one verified last)" in text


def test_whoever_was_shown_everything_takes_no_hash_for_something(
    tmp_path: Path, memory: TrustStore
) -> None:
    """As a service would give that hides what was done to an event."""
    shown = [*LINES[:-1], hash_of(LINES[-1])]

    before = verified(tmp_path, memory, shown, note_over(LINES)).result
    memory.save(key=KEY, checkpoint=note_over(LINES[:4]), whole=True)
    after = verified(tmp_path, memory, shown, note_over(LINES)).result

    assert (before["verdict"], before["hidden"]) == ("verified", 1)
    assert (after["verdict"], after["first_bad"]) == ("altered", 4)
    assert "hashes replace some events" in after["why"]


def test_it_says_that_receipts_were_not_looked_at(tmp_path: Path, memory: TrustStore) -> None:
    verification = verified(tmp_path, memory, LINES, note_over(LINES))

    assert "receipts    not checked" in verification_text(verification, of_export=True)


@pytest.mark.parametrize("note", ["", "nothing", "a\n5\nb\n"])
def test_what_is_no_checkpoint_is_named(note: str, tmp_path: Path, memory: TrustStore) -> None:
    assert verified(tmp_path, memory, LINES, note).result["verdict"] == "wrong_key"


@pytest.mark.parametrize("kept", ["key", "checkpoint"])
def test_a_memory_that_is_no_text_signs_nothing(
    kept: str, tmp_path: Path, memory: TrustStore
) -> None:
    (tmp_path / "audit" / kept).write_bytes(b"\x81\xff")
    path = written(tmp_path / "export", LINES)
    path.with_name("export.checkpoint").write_text(note_over(LINES))
    found = verify_export(path, "", memory, whole=False).result

    assert found["verdict"] == ("wrong_key" if kept == "key" else "verified")


def test_an_export_without_its_checkpoint_is_refused(tmp_path: Path, memory: TrustStore) -> None:
    path = written(tmp_path / "alone", LINES)

    with pytest.raises(AuditFailed, match=r"alone\.checkpoint is missing"):
        verify_export(path, "", memory, whole=False)


@pytest.mark.parametrize("name", ["", ".", "there", "absent/log.ndjson"])
def test_what_cannot_be_written_is_refused_before_anything_is_fetched(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()

    with pytest.raises(CommandFailed, match="cannot be written"):
        writable_path(name)
