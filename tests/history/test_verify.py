"""The offline verifier: each verdict, and that nothing slips through."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit import standalone_verifier
from events.checkpoint import Checkpoint, sign
from events.merkle import leaf_hash
from tests.history.exports import (
    BEGAN,
    KEY,
    ORIGIN,
    PRIVATE,
    line,
    lines_of,
    note_over,
    receipt,
    renames,
    seal,
    written,
)

LINES = lines_of(renames(20))
NOTE = note_over(LINES)
MARKS = "".join(note_over(LINES[:size]) for size in range(1, 21))


def verdict(
    lines: list[str], directory: Path, *, note: str = NOTE, key: str = KEY, **others: Any
) -> tuple[str, int | None]:
    found = verified(written(directory / "export", lines), note=note, key=key, **others)
    return found["verdict"], found["first_bad"]


def verified(path: Path, *, note: str = NOTE, key: str = KEY, **others: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"previous": "", "checkpoints": "", "receipts": None, "whole": False}
    return standalone_verifier.verify(path, note, key, **nothing | others)


def with_line(place: int, line: str) -> list[str]:
    return [*LINES[:place], line, *LINES[place + 1 :]]


def renumbered(lines: list[str], *, times: bool) -> list[str]:
    """As somebody would do who changes the rows of the table."""
    texts = []
    for number, one in enumerate(lines):
        start, stop = standalone_verifier.SEQUENCE.start, standalone_verifier.SEQUENCE.stop
        text = one[:start] + f"{number:020d}" + one[stop:]
        start, stop = standalone_verifier.TIME.start, standalone_verifier.TIME.stop
        time = (
            LINES[min(number, 19)][standalone_verifier.TIME]
            if times
            else text[standalone_verifier.TIME]
        )
        texts.append(text[:start] + time + text[stop:])
    return texts


def test_what_was_signed_is_verified(tmp_path: Path) -> None:
    found = verified(written(tmp_path / "export", LINES))

    assert found["verdict"] == "verified"
    assert found["size"] == 20
    assert found["key_id"] == KEY.split("+")[1]
    assert found["first_bad"] is None


SWAPPED = [*LINES[:4], LINES[9], *LINES[5:9], LINES[4], *LINES[10:]]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (with_line(7, LINES[7].replace("shop 7", "shop 8")), ("altered", 7)),
        (with_line(0, ""), ("altered", 0)),
        (with_line(19, LINES[19] + " "), ("altered", 19)),
        ([*LINES[:7], *LINES[8:]], ("missing", 7)),
        ([*LINES[:7], *LINES[10:]], ("missing", 7)),
        (LINES[1:], ("missing", 0)),
        (LINES[:-3], ("truncated", 17)),
        ([], ("truncated", 0)),
        (SWAPPED, ("reordered", 4)),
        (renumbered(SWAPPED, times=False), ("reordered", 4)),
        (renumbered(SWAPPED, times=True), ("altered", 4)),
        (renumbered([*LINES[:5], LINES[5], *LINES[5:]], times=True)[:20], ("altered", 6)),
        ([*LINES[:5], LINES[5], *LINES[5:]], ("altered", 6)),
        ([*with_line(3, "x")[:-2]], ("altered", 3)),
        ([*LINES, *lines_of(renames(1), first=20)], ("stale", 20)),
    ],
)  # fmt: skip
def test_what_was_done_is_named(
    lines: list[str], expected: tuple[str, int | None], tmp_path: Path
) -> None:
    assert verdict(lines, tmp_path, checkpoints=MARKS) == expected


def test_without_older_checkpoints_a_change_is_found_but_not_its_place(tmp_path: Path) -> None:
    changed = with_line(7, LINES[7].replace("shop 7", "shop 8"))

    assert verdict(changed, tmp_path) == ("altered", 0)


@given(data=st.data())
def test_no_change_of_one_bit_is_verified(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = data.draw(st.integers(0, len(LINES) - 1))
    column = data.draw(st.integers(0, len(LINES[place]) - 1))
    before = LINES[place]
    other = chr(ord(before[column]) ^ 1 << data.draw(st.integers(0, 6)))
    changed = with_line(place, before[:column] + other + before[column + 1 :])

    assert verdict(changed, tmp_path_factory.mktemp("export"))[0] != "verified"


def test_a_number_beyond_all_others_costs_no_memory(tmp_path: Path) -> None:
    """As many numbers would be missing as no machine can count one by one."""
    lines = [*LINES[:3], LINES[3].replace("0" * 19 + "3", "9" * 20), *LINES[4:]]

    assert verdict(lines, tmp_path) == ("missing", 3)


@given(order=st.permutations(range(20)))
def test_no_other_order_is_verified(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [LINES[place] for place in order]
    expected = "verified" if lines == LINES else "reordered"

    assert verdict(lines, tmp_path_factory.mktemp("export"))[0] == expected


@given(raw=st.binary(max_size=300))
def test_no_export_crashes_it(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("export") / "export"
    path.write_bytes(raw)

    assert verified(path, checkpoints=MARKS, receipts=path)["verdict"] != "verified"


@pytest.mark.parametrize(
    "note",
    ["", "nothing", NOTE + "x", NOTE.replace("\n20\n", "\n19\n"), NOTE[:-8] + "AAAAAAA\n"],
)
def test_a_checkpoint_that_the_key_did_not_sign_is_named(note: str, tmp_path: Path) -> None:
    assert verdict(LINES, tmp_path, note=note) == ("wrong_key", None)


def test_a_checkpoint_of_another_key_is_named(tmp_path: Path) -> None:
    other = note_over(LINES, key=Ed25519PrivateKey.generate())

    assert verdict(LINES, tmp_path, note=other) == ("wrong_key", None)


@pytest.mark.parametrize(
    "key",
    [
        *("", "x", "a+b+c", KEY[:-4] + "AAAA", KEY.replace("0a1b", "0a1c")),
        *(KEY[:-count] for count in (1, 2, 3, 4)),
    ],
)
def test_a_mistyped_key_is_named(key: str, tmp_path: Path) -> None:
    """And is not taken for a log that was altered."""
    assert verdict(LINES, tmp_path, key=key) == ("wrong_key", None)


def test_a_log_that_grew_extends_the_checkpoint_kept_before(tmp_path: Path) -> None:
    assert verdict(LINES, tmp_path, previous=note_over(LINES[:9])) == ("verified", None)


def test_a_log_that_was_rewritten_and_signed_again_is_named(tmp_path: Path) -> None:
    """The signer's key does not help an insider against an auditor who kept a checkpoint."""
    rewritten = with_line(7, LINES[7].replace("shop 7", "shop 8"))

    assert verdict(rewritten, tmp_path, note=note_over(rewritten), previous=NOTE) == (
        "altered",
        None,
    )


def test_an_older_log_than_the_one_seen_is_named(tmp_path: Path) -> None:
    older = LINES[:12]

    assert verdict(older, tmp_path, note=note_over(older), previous=NOTE) == ("stale", 12)


NEW_ORIGIN = "pushgate/f00d"


def restored(kept: int, *, old_size: int = 20, old_root: str | None = None) -> list[str]:
    """The log put back with its first ``kept`` events, going on under another origin."""
    signed = standalone_verifier.open_note(NOTE, standalone_verifier.read_key(KEY))
    assert signed is not None
    root = old_root or signed.root.hex()
    fact = ("LogRestored", "log", {"old_origin": ORIGIN, "old_size": old_size, "old_root": root})
    return [*LINES[:kept], *lines_of([fact, *renames(2)], origin=NEW_ORIGIN, first=kept)]


@pytest.mark.parametrize(
    ("lines", "old_note", "expected"),
    [
        (restored(12), NOTE, "verified"),
        (restored(20), NOTE, "verified"),
        (restored(12), note_over(LINES[:9]), "verified"),
        (restored(12), note_over(LINES[:15]), "verified"),
        (restored(12, old_root="0" * 64), NOTE, "truncated"),
        (restored(12, old_size=19), NOTE, "truncated"),
        ([*LINES[:12], *lines_of(renames(1), origin=NEW_ORIGIN, first=12)], NOTE, "truncated"),
        (["changed", *restored(12)[1:]], note_over(LINES[:9]), "altered"),
    ],
)
def test_a_restored_log_has_to_say_so(
    lines: list[str], old_note: str, expected: str, tmp_path: Path
) -> None:
    note = note_over(lines, origin=NEW_ORIGIN)

    assert verdict(lines, tmp_path, note=note, previous=old_note)[0] == expected


RECEIPTS = [receipt(number) for number in (1, 2, 3, 5, 6, 8, 9)]
SEALED = lines_of([*renames(2), seal(1, 5, RECEIPTS[:4]), *renames(1), seal(6, 8, RECEIPTS[4:6])])


@pytest.mark.parametrize(
    ("receipts", "expected"),
    [
        (RECEIPTS, ("verified", None)),
        (RECEIPTS[:6], ("verified", None)),
        ([RECEIPTS[0], *RECEIPTS[2:]], ("missing", 1)),
        (RECEIPTS[:5], ("missing", 6)),
        ([], ("missing", 1)),
        ([*RECEIPTS[:4], receipt(6) + " ", *RECEIPTS[5:]], ("altered", 6)),
        ([*RECEIPTS[:4], receipt(4), *RECEIPTS[4:]], ("altered", 1)),
        ([*RECEIPTS[:3], receipt(4), *RECEIPTS[3:]], ("altered", 1)),
        (["nonsense"], ("altered", None)),
    ],
)
def test_receipts_are_held_to_their_seals(
    receipts: list[str], expected: tuple[str, int | None], tmp_path: Path
) -> None:
    path = written(tmp_path / "receipts", receipts)

    assert verdict(SEALED, tmp_path, note=note_over(SEALED), receipts=path) == expected


def test_a_hash_stands_for_a_receipt_only_where_some_may_be_hidden(tmp_path: Path) -> None:
    leaf = leaf_hash(RECEIPTS[1].encode()).hex()
    shown = [RECEIPTS[0], f'{{"number":2,"leaf_hash":"{leaf}"}}', *RECEIPTS[2:]]
    path, export = written(tmp_path / "receipts", shown), written(tmp_path / "export", SEALED)

    found = verified(export, note=note_over(SEALED), receipts=path)
    whole = verified(export, note=note_over(SEALED), receipts=path, whole=True)

    assert (found["verdict"], found["receipts"]) == ("verified", 5)
    assert (whole["verdict"], whole["first_bad"]) == ("altered", 1)


def test_a_checkpoint_that_nobody_signed_vouches_for_nothing(tmp_path: Path) -> None:
    """As an insider would put one where the others are, over what was changed."""
    lines = with_line(2, LINES[2].replace("name", "game"))
    forged = note_over(lines[:18], key=Ed25519PrivateKey.generate())

    assert verdict(lines, tmp_path, checkpoints=MARKS + forged) == ("altered", 2)


def test_seals_follow_each_other(tmp_path: Path) -> None:
    lines = lines_of([seal(1, 3, RECEIPTS[:3]), seal(6, 6, RECEIPTS[4:5])])
    path = written(tmp_path / "receipts", RECEIPTS)

    assert verdict(lines, tmp_path, note=note_over(lines), receipts=path) == ("altered", 4)


def test_it_runs_alone_on_files(tmp_path: Path) -> None:
    """As an auditor would: the file copied somewhere, nothing else of ours around."""
    (tmp_path / "verify.py").write_bytes(Path(standalone_verifier.__file__).read_bytes())
    written(tmp_path / "export.ndjson", LINES)
    (tmp_path / "checkpoint").write_text(NOTE)
    command = [sys.executable, "-I", "verify.py", "export.ndjson", "checkpoint", KEY]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "verified"


def test_it_says_no_with_its_exit_code(tmp_path: Path) -> None:
    written(tmp_path / "export.ndjson", LINES[:-1])
    (tmp_path / "checkpoint").write_text(NOTE)
    command = [
        sys.executable,
        "-I",
        standalone_verifier.__file__,
        "export.ndjson",
        "checkpoint",
        KEY,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "truncated"


@pytest.mark.parametrize(
    "names",
    [
        ("lost.ndjson", "checkpoint", KEY),
        ("export.ndjson", "lost", KEY),
        ("export.ndjson", "checkpoint", KEY, "--previous", "lost"),
        ("export.ndjson", "checkpoint", KEY, "--checkpoints", "lost"),
        ("export.ndjson", "checkpoint", KEY, "--receipts", "lost"),
        ("export.ndjson", "checkpoint", "k" * 300),
    ],
    ids=["export", "checkpoint", "previous", "checkpoints", "receipts", "key"],
)
def test_a_file_that_is_not_there_is_no_verdict(names: tuple[str, ...], tmp_path: Path) -> None:
    """A mistyped name must neither accuse a log nor leave something unlooked at."""
    written(tmp_path / "export.ndjson", LINES)
    (tmp_path / "checkpoint").write_text(NOTE)
    command = [sys.executable, "-I", standalone_verifier.__file__, *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "lost" in done.stderr or "k" * 300 in done.stderr


ODD_SEALS: list[Any] = [{"last": "x"}, {"last": None}, {"last": 3, "count": "1"}, {}, [1], None]
NESTED = '{"specversion":"1.0","type":"ReceiptsSealed","data":' + "[" * 60_000 + "]" * 60_000 + "}"


@pytest.mark.parametrize(
    "odd",
    [line(2, ("ReceiptsSealed", "receipts", data), 1) for data in ODD_SEALS]
    + ['[{"type":"ReceiptsSealed"}]', NESTED],
    ids=["text", "null", "count", "empty", "list", "nothing", "no event", "nested"],
)
def test_what_was_signed_but_is_no_seal_does_not_crash_it(odd: str, tmp_path: Path) -> None:
    """As an insider would have it signed, so that verification fails for everyone."""
    lines = [*LINES[:2], odd]
    receipts = written(tmp_path / "receipts", RECEIPTS)

    found = verdict(lines, tmp_path, note=note_over(lines), receipts=receipts)
    assert found == ("altered", None)


@pytest.mark.parametrize("data", [[1], {"old_size": "x"}, {"old_size": None}, {}])
def test_what_was_signed_but_is_no_restore_excuses_nothing(data: Any, tmp_path: Path) -> None:
    other = f"{ORIGIN}2"
    if isinstance(data, dict):
        data = {"old_origin": ORIGIN, "old_root": "0"} | data
    lines = lines_of([*renames(2), ("LogRestored", "log", data)], origin=other)

    found = verdict(lines, tmp_path, note=note_over(lines, origin=other), previous=NOTE)
    assert found == ("altered", None)


@pytest.mark.parametrize("garbled", ["checkpoint", "previous", "key"])
def test_a_file_that_is_no_text_signs_nothing(garbled: str, tmp_path: Path) -> None:
    files = {"checkpoint": NOTE, "previous": NOTE, "key": KEY}
    for name, text in files.items():
        (tmp_path / name).write_bytes(b"\x81\xff" if name == garbled else text.encode())
    written(tmp_path / "export", LINES)
    command = [sys.executable, "-I", standalone_verifier.__file__, "export", "checkpoint", "key"]
    done = subprocess.run(
        [*command, "--previous", "previous"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "wrong_key")


def test_an_auditor_can_read_it_whole() -> None:
    """One file of less than 250 lines, the standard library and one well known package."""
    text = Path(standalone_verifier.__file__).read_text()
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
        if name is not None
    }

    assert len(text.splitlines()) < 250
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_times_of_made_lines_stand_where_the_verifier_looks() -> None:
    assert LINES[0][standalone_verifier.SEQUENCE] == "0" * 20
    assert LINES[0][standalone_verifier.TIME] == BEGAN.strftime("%Y-%m-%dT%H:%M:%S.") + "000001Z"


def test_a_signature_over_an_empty_log_verifies_an_empty_export(tmp_path: Path) -> None:
    empty = sign(Checkpoint(origin=ORIGIN, size=0, root=standalone_verifier.root_of([])), PRIVATE)

    assert verdict([], tmp_path, note=empty) == ("verified", None)
