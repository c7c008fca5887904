"""The stories among the conformance cases, against the running programs."""

from __future__ import annotations

import itertools
from pathlib import Path

import aiohttp
import pytest

from cli.connect_api import connect_api
from cli.temporary_installation import TemporaryInstallation
from tests.openapi.document import faults
from tests.wire.scene import SCENES, filled, steps_of

_numbers = itertools.count(1)


@pytest.fixture
async def values(system: TemporaryInstallation) -> dict[str, str]:
    """A source of the scene's own with a token, and a name that is not taken."""
    number = next(_numbers)
    async with connect_api(system.installation) as api:
        source = await api.create_source(f"Scene {number}")
        token = await api.create_token(source["id"])
    return {
        "CT": system.installation.connect_token().reveal(),
        "C": str(system.installation.client_id()),
        "S": str(source["id"]),
        "K": str(token["id"]),
        "IT": token["access_token"],
        "NAME": source["display_name"],
        "SCHEMA": source["name"],
        "NEW": f"New {number}",
        "NEW_SCHEMA": f"new_{number}",
    }


@pytest.mark.parametrize("path", SCENES, ids=[path.stem for path in SCENES])
async def test_goes_as_the_contract_says(
    system: TemporaryInstallation, values: dict[str, str], path: Path
) -> None:
    servers = {"/v2": system.installation.import_url(), "/v4": system.installation.connect_url()}
    async with aiohttp.ClientSession() as session:
        for step in steps_of(path):
            address = filled(step.path, values)
            async with session.request(
                step.method,
                servers[address[:3]] + address,
                headers=[(name, filled(text, values)) for name, text in step.headers],
                data=filled(step.body, values).encode() or None,
                skip_auto_headers=["Content-Type"],
            ) as answer:
                body = await answer.text()
                kind = answer.headers["Content-Type"]
            caught = step.answered_by(answer.status, kind, body, values)

            assert caught is not None, (step, answer.status, kind, body)
            assert faults(step.method, address, answer.status, kind, body.encode()) == []
            values |= caught


def test_no_scene_is_lost() -> None:
    """A file that is read wrongly would be a scene that cannot fail."""
    assert len(SCENES) == 25
    assert all(step.status and step.answer for path in SCENES for step in steps_of(path))
