"""A server in a container, where it is asked for and an engine answers."""

import os

import docker
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import testcontainers_config

from services.launcher.embedded_postgres.tuning import CONNECTIONS_MAX, TEMPORARY

IMAGE = "postgres:18"
ASKED_FOR_VARIABLE = "PUSHGATE_TEST_CONTAINERS"
CONNECTIONS = {"max_connections": str(CONNECTIONS_MAX)}


def container_if_asked_for() -> PostgresContainer | None:
    """Started; None when nobody asked or no engine answers."""
    if os.environ.get(ASKED_FOR_VARIABLE) != "1" or not _engine_answers():
        return None
    # The run stops its container itself; a second one that watches it would have to be fetched.
    testcontainers_config.ryuk_disabled = True
    arguments = [f"-c{name}={value}" for name, value in (TEMPORARY | CONNECTIONS).items()]
    container = PostgresContainer(IMAGE, driver=None)
    return container.with_command(["postgres", *arguments]).start()


def _engine_answers() -> bool:
    try:
        return bool(docker.from_env().ping())
    except docker.errors.DockerException:
        return False
