"""A token leads to the schema of its own source and to no other."""

from __future__ import annotations

import aiohttp

from cli.connect_api import ConnectApi
from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made
from tests.clients.conftest import Tables


async def test_tk_12_one_table_name_of_two_sources_is_two_tables(
    system: TemporaryInstallation, api: ConnectApi, source: Made, tables: Tables
) -> None:
    other = await api.create_source("Clients and nobody else")
    token = await api.create_token(other["id"])
    tokens = {"mine": source.token, "theirs": token["access_token"]}
    async with aiohttp.ClientSession() as session:
        for whose, text in tokens.items():
            record = {
                "client_id": system.installation.client_id(),
                "table_name": "customers",
                "sequence": 1,
                "action": "upsert",
                "key_names": ["id"],
                "data": {"id": 1, "whose": whose},
            }
            async with session.post(
                f"{system.installation.import_url()}/v2/import/push",
                json=[record],
                headers={"Authorization": f"Bearer {text}"},
            ) as answer:
                assert answer.status == 201

    theirs = Tables(system, Made(other["id"], other["name"], token["id"], token["access_token"]))
    assert await tables.rows("customers", "id", "whose") == [(1, "mine")]
    assert await theirs.rows("customers", "id", "whose") == [(1, "theirs")]
