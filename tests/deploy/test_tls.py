"""TLS to the databases when the URL asks for it, and no fall-back to plain text then."""

import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from services.runtime.database import AWAY, connect, pool
from tests.deploy.tls_front import Front, make_certificate, tls_front


def through(front: Front, url: str, query: str, *, host: str = "127.0.0.1") -> str:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@{host}:{front.port}", query=query))


@pytest.fixture
async def front(destination_url: str, tmp_path: Path) -> AsyncGenerator[Front]:
    port = urlsplit(destination_url).port
    assert port is not None
    async with tls_front(port, tmp_path) as running:
        yield running


async def test_require_encrypts(front: Front, destination_url: str) -> None:
    url = through(front, destination_url, "sslmode=require")

    connection = await connect(url, application_name="test")
    answer = await connection.fetchval("SELECT 1")
    await connection.close()

    # Whoever does not ask for TLS gets no answer from this server.
    assert (answer, front.refused) == (1, [])


async def test_verify_full_takes_the_certificate_of_its_authority(
    front: Front, destination_url: str
) -> None:
    url = through(front, destination_url, f"sslmode=verify-full&sslrootcert={front.authority}")

    async with pool(url, application_name="test", connections_max=1) as connections:
        answer = await connections.fetchval("SELECT current_user")

    assert answer == "pushgate_loader"


async def test_verify_full_refuses_another_authority(
    front: Front, destination_url: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    authority, _ = make_certificate(other)
    url = through(front, destination_url, f"sslmode=verify-full&sslrootcert={authority}")

    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(url, application_name="test")


async def test_verify_full_refuses_a_certificate_for_another_name(
    front: Front, destination_url: str
) -> None:
    query = f"sslmode=verify-full&sslrootcert={front.authority}"

    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(
            through(front, destination_url, query, host="localhost"), application_name="test"
        )


async def test_a_server_that_wants_tls_is_not_spoken_to_in_plain_text(
    front: Front, destination_url: str
) -> None:
    with pytest.raises(AWAY):
        await connect(through(front, destination_url, "sslmode=disable"), application_name="test")

    assert len(front.refused) == 1


async def test_require_refuses_a_server_without_tls(destination_url: str) -> None:
    with pytest.raises(AWAY):
        await connect(f"{destination_url}?sslmode=require", application_name="test")
