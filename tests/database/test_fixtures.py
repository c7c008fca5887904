from __future__ import annotations

import asyncpg
import pytest

from services.runtime.database import connect
from tests.database.fixtures import RoleUrl


async def test_a_test_has_a_migrated_database_of_its_own(
    database: asyncpg.Connection[asyncpg.Record],
) -> None:
    applied = await database.fetchval("SELECT count(*) FROM migrations.applied")

    assert applied > 0


async def test_roles_connect_with_their_own_name(role_url: RoleUrl) -> None:
    connection = await connect(role_url("pushgate_ingest"), application_name="test")
    user = await connection.fetchval("SELECT current_user")
    await connection.close()

    assert user == "pushgate_ingest"


async def test_the_destination_belongs_to_the_loader_alone(
    destination_url: str, role_url: RoleUrl
) -> None:
    name = destination_url.rpartition("/")[2]
    connection = await connect(destination_url, application_name="test")
    await connection.execute("CREATE SCHEMA somebody; CREATE TABLE somebody.things (id int)")
    await connection.close()
    stranger = role_url("pushgate_ingest").rpartition("/")[0] + f"/{name}"

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connect(stranger, application_name="test")
