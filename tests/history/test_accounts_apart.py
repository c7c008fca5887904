"""What an auditor of one account sees of another's, and proves all the same."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from audit.standalone_verifier import verify
from events.checkpoint import read_unverified_note
from events.merkle import root_of
from tests.history.appending import (
    accept,
    append,
    connect_token_generated,
    create_integration,
    small_history,
    token_generated,
    token_hash,
    unguarded,
)
from tests.history.auditor import Auditor
from tests.history.conftest import Client, Database, Sign
from tests.history.exports import hash_of

OTHER = "ac_other_auditor"
OTHER_HEADERS = {"Authorization": f"Bearer {OTHER}"}
# Of the second account are its Connect token, an integration, and that one's token.
OWN = [7, 8, 9]


@pytest.fixture
async def two_accounts(client: Client, database: Database, sign: Sign) -> Client:
    """The first has an auditor and the small history; each has receipts; all is signed."""
    await small_history(database)
    await connect_token_generated(database, OTHER, role="auditor", connect_token_id=2, account_id=2)
    await create_integration(database, 2, account_id=2)
    await append(database, "integration/2", [token_generated(3)])
    await accept(database, token_id=2, count=2)
    await accept(database, token_id=3, count=1, integration_id=2)
    await sign()
    return client


async def lines(client: Client, path: str, headers: dict[str, str] | None = None) -> list[str]:
    async with client.get(path, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.text()).splitlines()


def numbers(found: list[str]) -> list[int]:
    return [int(json.loads(line)["sequence"]) for line in found]


@pytest.mark.parametrize("limit", ["", "?limit=100"])
async def test_the_first_account_sees_all_and_another_its_own(
    limit: str, two_accounts: Client
) -> None:
    everything = await lines(two_accounts, f"/events{limit}")
    own = await lines(two_accounts, f"/events{limit}", OTHER_HEADERS)

    assert numbers(everything) == list(range(10))
    assert own == [everything[number] for number in OWN]


@pytest.mark.parametrize("query", ["subject=integration/1", "actor=connect-token/9", "until=6"])
async def test_no_filter_shows_what_is_others(query: str, two_accounts: Client) -> None:
    assert await lines(two_accounts, f"/events?{query}", OTHER_HEADERS) == []


async def test_a_stream_shows_only_ones_own(two_accounts: Client) -> None:
    async with two_accounts.get("/events/stream", headers=OTHER_HEADERS) as stream:
        lines_sent = [await stream.content.readline() for _ in range(1 + 2 * len(OWN))]

    assert [int(line[4:]) for line in lines_sent if line.startswith(b"id: ")] == OWN


async def test_hashes_stand_for_what_is_others(two_accounts: Client) -> None:
    everything = await lines(two_accounts, "/events")
    found = await lines(two_accounts, "/events?others=hashed", OTHER_HEADERS)
    leaves = [sha256(b"\x00" + line.encode()).digest() for line in everything]
    note = await (await two_accounts.get("/log/checkpoint", headers=OTHER_HEADERS)).text()

    assert [found[number] for number in OWN] == [everything[number] for number in OWN]
    assert [json.loads(line).get("leaf_hash") for line in found[:7]] == [
        leaf.hex() for leaf in leaves[:7]
    ]
    assert read_unverified_note(note)[0].root == root_of(leaves)


async def test_hashes_go_with_no_filter(two_accounts: Client) -> None:
    path = "/events?others=hashed&type=TokenGenerated"
    async with two_accounts.get(path, headers=OTHER_HEADERS) as answer:
        assert answer.status == 400


async def test_bundles_of_events_are_for_the_first_account(two_accounts: Client) -> None:
    path = "/log/tile/entries/000.p/10"
    async with (
        two_accounts.get(path) as whole,
        two_accounts.get(path, headers=OTHER_HEADERS) as refused,
        two_accounts.get("/log/tile/0/000.p/10", headers=OTHER_HEADERS) as hashes,
    ):
        assert (whole.status, refused.status, hashes.status) == (200, 403, 200)


@pytest.mark.parametrize("path", ["/tokens/1", "/tokens/2", f"/tokens/by-hash/{token_hash(2)}"])
async def test_anothers_token_is_not_found(path: str, two_accounts: Client) -> None:
    async with two_accounts.get(path, headers=OTHER_HEADERS) as answer:
        assert answer.status == 404


async def test_anothers_receipts_are_not_shown(two_accounts: Client, database: Database) -> None:
    own = await lines(two_accounts, "/receipts", OTHER_HEADERS)
    moment = await database.fetchval(
        "SELECT min(received_at)::text FROM journal.receipts WHERE integration_id = 1"
    )
    query = {"schema": "shop_1", "moment": moment}
    async with two_accounts.get("/receipts/at", params=query, headers=OTHER_HEADERS) as then:
        assert await then.json() == []

    assert [json.loads(line)["integration_id"] for line in own] == [2]
    assert len(await lines(two_accounts, "/receipts")) == 3
    assert await lines(two_accounts, "/tokens/2/receipts", OTHER_HEADERS) == []
    assert len(await lines(two_accounts, "/tokens/3/receipts", OTHER_HEADERS)) == 1


@pytest.fixture
def other(two_accounts: Client, tmp_path: Path) -> Auditor:
    return Auditor(two_accounts.server, tmp_path / "other", OTHER)


async def test_both_verify_the_whole_log(
    two_accounts: Client, other: Auditor, sign: Sign, tmp_path: Path
) -> None:
    first = Auditor(two_accounts.server, tmp_path / "first")
    await first.post("/receipts/seal")
    await sign()
    found = {"first": await first.verify(), "other": await other.verify()}

    assert {name: (one["verdict"], one["receipts"]) for name, one in found.items()} == {
        "first": ("verified", 3),
        "other": ("verified", 1),
    }
    assert (found["first"]["hidden"], found["other"]["hidden"]) == (0, 7)


async def test_a_change_of_what_is_not_shown_is_seen(other: Auditor, database: Database) -> None:
    before = await other.verify()
    async with unguarded(database):
        await database.execute(
            "UPDATE ledger.event SET record = replace(record::text, 'shop_1', 'shop_9')::json"
            " WHERE type = 'IntegrationCreated' AND stream = 'integration/1'"
        )

    assert (before["verdict"], (await other.verify())["verdict"]) == ("verified", "altered")


async def test_a_change_of_a_receipt_that_is_not_shown_is_seen(
    other: Auditor, database: Database, sign: Sign
) -> None:
    await other.post("/receipts/seal")
    await sign()
    async with unguarded(database, "journal.receipts"):
        await database.execute("UPDATE journal.receipts SET records = 4 WHERE integration_id = 1")

    found = await other.verify()
    assert (found["verdict"], found["first_bad"]) == ("altered", 1)


async def test_an_event_of_ones_own_cannot_be_hidden_among_the_others(
    two_accounts: Client, tmp_path: Path
) -> None:
    """Streams count their events, so that a gap shows."""
    shown = await lines(two_accounts, "/events?others=hashed", OTHER_HEADERS)
    shown[8] = hash_of(shown[8])
    (tmp_path / "export").write_text("\n".join(shown) + "\n", "utf-8")
    note = await (await two_accounts.get("/log/checkpoint")).text()
    key = await (await two_accounts.get("/log/keys")).text()

    found = verify(
        tmp_path / "export", note, key, previous="", checkpoints="", receipts=None, whole=False
    )

    assert (found["verdict"], found["first_bad"]) == ("missing", 9)
