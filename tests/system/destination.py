"""What is in the destination, once all that was accepted is loaded."""

from typing import Any

from cli.database import connection_to, system_database
from cli.temporary_installation import TemporaryInstallation
from tests.cli.loading import nothing_waits
from tests.cli.made import Made
from tests.eventually import eventually


async def rows(system: TemporaryInstallation, source: Made, query: str) -> list[tuple[Any, ...]]:
    """``query`` names tables with ``{schema}`` before them."""
    async with system_database(system.installation) as journal:
        await eventually(lambda: nothing_waits(journal, source), seconds=60)
    url = system.installation.destination_url()
    async with connection_to(url, "PUSHGATE_DESTINATION_URL") as destination:
        found = await destination.fetch(query.replace("{schema}", source.name))
    return [tuple(row) for row in found]
