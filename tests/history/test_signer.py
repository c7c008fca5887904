from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import pytest
from asyncpg import Connection, Record
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from events.checkpoint import Checkpoint, VerifierKey, open_note, sign
from events.merkle import leaf_hash, root_of
from services.history.signer.files import BadKeyFile, SignerFiles
from services.history.signer.signing import LogDoesNotExtend, Signer, SignerStateMissing
from tests.history.appending import rename, small_history, unguarded

Database: TypeAlias = "Connection[Record]"

SIGNED_BY_ANOTHER = sign(
    Checkpoint(origin="pushgate/0a1b", size=0, root=root_of([])), Ed25519PrivateKey.generate()
)


@dataclass
class SteppedClock:
    """Each look at it takes a second, so that a full recheck is never due by chance."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    def monotonic(self) -> float:
        self.seconds += 1.0
        return self.seconds


async def signer(files: SignerFiles, clock: SteppedClock | None = None) -> Signer:
    """Its files are read in a thread, as the program does it."""
    return await asyncio.to_thread(Signer, files, clock or SteppedClock())


def kept_note(files: SignerFiles) -> str | None:
    return files.note_path.read_text() if files.note_path.exists() else None


async def published(owner: Database) -> list[Record]:
    return await owner.fetch("SELECT * FROM ledger.checkpoint ORDER BY signed_at")


async def leaves(owner: Database) -> list[bytes]:
    rows = await owner.fetch("SELECT record::text FROM ledger.event ORDER BY number")
    return [leaf_hash(row["record"].encode()) for row in rows]


async def test_what_was_appended_is_signed(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    checkpoint = await (await signer(files)).sign_next(signing_role)
    [row] = await published(database)

    assert checkpoint is not None
    assert checkpoint.root == root_of(await leaves(database))
    assert open_note(row["note"], VerifierKey.parse(row["key"])) == checkpoint
    assert kept_note(files) == row["note"]


async def test_an_empty_log_is_not_signed(signing_role: Database, files: SignerFiles) -> None:
    assert await (await signer(files)).sign_next(signing_role) is None
    assert kept_note(files) is None


async def test_nothing_new_is_signed_once(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    one = await signer(files)
    await one.sign_next(signing_role)

    assert await one.sign_next(signing_role) is None
    assert await (await signer(files)).sign_next(signing_role) is None
    assert len(await published(database)) == 1


async def test_a_growing_log_is_signed_as_it_grows(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    one = await signer(files)
    for size in (1, 249, 1, 600):
        await one.sign_next(signing_role)
        await rename(database, size)
    checkpoint = await one.sign_next(signing_role)
    tiles = await database.fetch("SELECT level, number, root FROM ledger.tile ORDER BY 1, 2")
    hashes = await leaves(database)

    assert checkpoint is not None
    assert (checkpoint.size, checkpoint.root) == (857, root_of(hashes))
    assert [tuple(row) for row in tiles] == [
        (0, number, root_of(hashes[number * 256 : number * 256 + 256])) for number in range(3)
    ]


@pytest.mark.parametrize(
    "tampering",
    [
        """UPDATE ledger.event SET record = replace(record::text, 'shop_1', 'shop_2')::json
            WHERE number = 1""",
        "DELETE FROM ledger.event WHERE number = 5; UPDATE ledger.head SET size = 5",
        "DELETE FROM ledger.event WHERE number = 3",
        "DELETE FROM ledger.event; UPDATE ledger.head SET size = 0",
        "UPDATE ledger.head SET origin = 'another'",
    ],
    ids=["changed", "truncated", "removed", "emptied", "renamed"],
)
@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "running"])
async def test_a_log_that_does_not_extend_is_not_signed(
    tampering: str,
    restarted: bool,  # noqa: FBT001 - a parameter of the test
    database: Database,
    signing_role: Database,
    files: SignerFiles,
) -> None:
    await small_history(database)
    clock = SteppedClock()
    one = await signer(files, clock)
    await one.sign_next(signing_role)
    note = kept_note(files)
    async with unguarded(database):
        await database.execute(tampering)
    clock.seconds += 10_000
    after = await signer(files) if restarted else one

    with pytest.raises(LogDoesNotExtend):
        await after.sign_next(signing_role)
    assert kept_note(files) == note


async def test_a_checkpoint_that_was_taken_away_is_published_again(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    await (await signer(files)).sign_next(signing_role)
    async with unguarded(database, "ledger.checkpoint"):
        await database.execute("DELETE FROM ledger.checkpoint")
    await (await signer(files)).sign_next(signing_role)

    assert [row["note"] for row in await published(database)] == [kept_note(files)]


async def test_a_tile_that_was_changed_is_found_when_the_log_is_read_again(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    await rename(database, 300)
    clock = SteppedClock()
    one = await signer(files, clock)
    await one.sign_next(signing_role)
    async with unguarded(database, "ledger.tile"):
        await database.execute("UPDATE ledger.tile SET root = sha256(root)")
    clock.seconds += 10_000

    with pytest.raises(LogDoesNotExtend, match="tile 0 of level 0 was published"):
        await one.sign_next(signing_role)


async def test_a_signer_without_memory_refuses_a_log_that_was_signed(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    await (await signer(files)).sign_next(signing_role)
    files.note_path.unlink()

    with pytest.raises(SignerStateMissing, match="begin-anew"):
        await (await signer(files)).sign_next(signing_role)


async def test_a_declared_restore_is_signed_under_the_new_origin(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    old = await (await signer(files)).sign_next(signing_role)
    assert old is not None
    async with unguarded(database):
        await database.execute("DELETE FROM ledger.event WHERE number >= 4")
        await database.execute("UPDATE ledger.head SET size = 4")
    await database.fetchval(
        "SELECT ledger.begin_anew($1, $2, $3)", old.origin, old.size, old.root.hex()
    )
    new = await (await signer(files)).sign_next(signing_role)

    assert new is not None
    assert (new.size, new.origin != old.origin) == (5, True)


async def test_a_restore_of_another_log_is_not_signed(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    await (await signer(files)).sign_next(signing_role)
    await database.fetchval("SELECT ledger.begin_anew('pushgate/other', 6, repeat('0', 64))")

    with pytest.raises(LogDoesNotExtend, match="does not record"):
        await (await signer(files)).sign_next(signing_role)


def test_the_key_is_made_once_and_for_its_owner_only(files: SignerFiles) -> None:
    key = files.private_key().private_bytes_raw()

    assert files.private_key().private_bytes_raw() == key
    assert files.key_path.stat().st_mode & 0o777 == 0o600
    assert files.key_path.parent.stat().st_mode & 0o777 == 0o700


def test_a_key_that_others_can_read_is_not_used(files: SignerFiles) -> None:
    files.private_key()
    files.key_path.chmod(0o640)

    with pytest.raises(BadKeyFile, match="chmod 600"):
        files.private_key()


def test_a_damaged_key_is_not_replaced(files: SignerFiles) -> None:
    files.private_key()
    files.key_path.write_text("not a key")

    with pytest.raises(BadKeyFile):
        files.private_key()


def test_a_key_that_signed_is_not_made_anew(files: SignerFiles) -> None:
    """A new key would not vouch for what was signed before, and no one would notice."""
    files.private_key()
    files.save_note("what the lost key signed")
    files.key_path.unlink()

    with pytest.raises(BadKeyFile, match=r"restore\.md"):
        files.private_key()
    assert not files.key_path.exists()


@pytest.mark.parametrize(
    "note", ["", "no note\n", SIGNED_BY_ANOTHER], ids=["empty", "none", "another"]
)
def test_a_memory_that_the_key_did_not_sign_is_none(note: str, files: SignerFiles) -> None:
    files.private_key()
    files.save_note(note)

    with pytest.raises(SignerStateMissing, match="is not a checkpoint signed with"):
        Signer(files, SteppedClock())


def test_a_memory_that_is_no_text_is_none_either(files: SignerFiles) -> None:
    files.private_key()
    files.note_path.write_bytes(b"\x81\xff")

    with pytest.raises(SignerStateMissing):
        Signer(files, SteppedClock())


async def test_a_lost_key_is_replaced_by_beginning_anew(
    database: Database, signing_role: Database, files: SignerFiles
) -> None:
    await small_history(database)
    old = await (await signer(files)).sign_next(signing_role)
    assert old is not None
    files.key_path.unlink()
    files.note_path.unlink()
    await database.fetchval(
        "SELECT ledger.begin_anew($1, $2, $3)", old.origin, old.size, old.root.hex()
    )
    new = await (await signer(files)).sign_next(signing_role)

    assert new is not None
    assert (new.size, new.origin != old.origin) == (old.size + 1, True)
