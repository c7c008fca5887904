"""The tree over HTTP, read by a library that is not ours."""

from __future__ import annotations

import asyncio

import pytest
from tlog_scales import signing, tlog
from tlog_scales.reader import TilesReader

from events.checkpoint import VerifierKey, open_note, read_proof
from events.merkle import leaf_hash, root_of, verify_inclusion
from services.history import tiles
from tests.history.appending import append, rename, small_history, token_generated
from tests.history.conftest import Client, Database, Sign


class OverHttp:
    """A backend of the other library that asks the service under test."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()

    def get(self, *path: str) -> bytes | None:
        return asyncio.run_coroutine_threadsafe(self._get("/".join(path)), self._loop).result(10)

    async def _get(self, path: str) -> bytes | None:
        async with self._client.get(f"/log/{path}") as answer:
            return await answer.read() if answer.status == 200 else None


async def text(client: Client, path: str) -> str:
    async with client.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


@pytest.mark.parametrize("more", [0, 249, 250, 700])
async def test_another_library_reads_and_verifies_the_log(
    more: int, client: Client, database: Database, sign: Sign
) -> None:
    await small_history(database)
    if more:
        await rename(database, more)
    await sign()
    key = signing.Vkey.from_string((await text(client, "/log/keys")).strip())
    reader = TilesReader(OverHttp(client))

    checkpoint = await asyncio.to_thread(reader.get_checkpoint)
    checkpoint.verify(key)
    assert checkpoint.size == 7 + more
    assert await asyncio.to_thread(reader.calculate_root_hash) == checkpoint.root_hash


async def test_another_library_reads_the_events(
    client: Client, database: Database, sign: Sign
) -> None:
    await small_history(database)
    await rename(database, 300)
    await sign()
    reader = TilesReader(OverHttp(client))
    await asyncio.to_thread(reader.get_checkpoint)
    stored = await database.fetch(
        "SELECT record::text FROM ledger.event WHERE number IN (6, 300) ORDER BY number"
    )

    for number, row in zip((6, 300), stored, strict=True):
        assert await asyncio.to_thread(reader.get_entry, number) == row["record"].encode()


async def test_another_library_proves_that_the_log_only_grew(
    client: Client, database: Database, sign: Sign
) -> None:
    await small_history(database)
    await sign()
    old = tlog.Checkpoint.from_text(await text(client, "/log/checkpoint"))
    await rename(database, 600)
    await sign()
    reader = TilesReader(OverHttp(client))
    new = await asyncio.to_thread(reader.get_checkpoint)

    consistency = await asyncio.to_thread(reader.get_consistency_proof, old.size, new.size)
    consistency.check(old.root_hash, new.root_hash)


@pytest.mark.parametrize("number", [0, 5, 255, 256, 600, 606])
async def test_a_proof_shows_one_event_without_the_log(
    number: int, client: Client, database: Database, sign: Sign
) -> None:
    await small_history(database)
    await rename(database, 600)
    await sign()
    proof = read_proof(await text(client, f"/log/proof/{number}"))
    key = VerifierKey.parse(await text(client, "/log/keys"))
    checkpoint = open_note(proof.note, key)
    [line] = (await text(client, f"/events?after={number - 1}&limit=1")).splitlines()

    assert proof.number == number
    assert verify_inclusion(
        leaf_hash(line.encode()),
        number,
        size=checkpoint.size,
        proof=proof.hashes,
        root=checkpoint.root,
    )


async def test_only_what_is_signed_is_shown_as_tree(
    client: Client, database: Database, sign: Sign
) -> None:
    await small_history(database)
    await sign()
    await append(database, "integration/1", [token_generated(3)])

    assert (await client.get("/log/tile/0/000.p/7")).status == 200
    for path in ("tile/0/000.p/8", "tile/0/000", "tile/1/000.p/1", "proof/7", "tile/64/000.p/1"):
        assert (await client.get(f"/log/{path}")).status == 404


async def test_there_are_proofs_from_the_first_signed_event_to_the_last(
    client: Client, database: Database, sign: Sign
) -> None:
    await small_history(database)
    await sign()
    places = ("0", "6", "7", "8", "-1", "x", "007", "9" * 19, "9" * 30)
    found = [(await client.get(f"/log/proof/{place}")).status for place in places]

    assert found == [200] * 2 + [404] * 7


async def test_a_tile_has_one_path(client: Client, database: Database, sign: Sign) -> None:
    """Full ones without a width; partial ones at any width that is there."""
    await small_history(database)
    await rename(database, 256)
    await sign()
    there = ("0/000", "0/000.p/1", "0/000.p/255", "0/001.p/7", "1/000.p/1", "entries/000")
    absent = (
        *("0/000.p/256", "0/000.p/0", "0/000.p/01", "0/001", "0/001.p/8", "0/x000/000", "0/0"),
        *("00/000", "1/000", "1/000.p/2", "2/000.p/1", "-1/000", "entries/001", "0/x999/999"),
    )

    assert {p: (await client.get(f"/log/tile/{p}")).status for p in there} == dict.fromkeys(
        there, 200
    )
    assert {p: (await client.get(f"/log/tile/{p}")).status for p in absent} == dict.fromkeys(
        absent, 404
    )


async def test_nothing_is_shown_before_the_first_signature(client: Client) -> None:
    for path in ("checkpoint", "keys", "proof/0", "tile/0/000.p/1", "tile/entries/000.p/1"):
        assert (await client.get(f"/log/{path}")).status == 404


async def test_tiles_may_be_kept_and_checkpoints_not(
    client: Client, database: Database, sign: Sign
) -> None:
    await small_history(database)
    await sign()
    tile = await client.get("/log/tile/0/000.p/7")
    checkpoint = await client.get("/log/checkpoint")

    assert "immutable" in tile.headers["Cache-Control"]
    assert checkpoint.headers["Cache-Control"] == "no-store"
    assert checkpoint.headers["Pushgate-Log-Size"] == "7"


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_all_checkpoints_follow_each_other(
    at_once: int, client: Client, database: Database, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "CHECKPOINTS_PAGE", at_once)
    await small_history(database)
    await sign()
    first = await text(client, "/log/checkpoint")
    await rename(database, 3)
    await sign()
    hashes = await database.fetch("SELECT leaf_hash FROM ledger.event ORDER BY number")
    second = await text(client, "/log/checkpoint")

    assert await text(client, "/log/checkpoints") == first + second
    key = VerifierKey.parse(await text(client, "/log/keys"))
    assert open_note(second, key).root == root_of([row["leaf_hash"] for row in hashes])
