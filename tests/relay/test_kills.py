"""What the relay acknowledged is a row, once, however often the relay is killed."""

import signal

import pytest

from cli.temporary_installation import TemporaryInstallation
from tests.cli.made import Made
from tests.eventually import eventually
from tests.relay.conftest import RelayProcess
from tests.rounds import rounds
from tests.system.destination import rows
from tests.system.load import RECORDS_A_PUSH, Gate, Told, pushing

KILLS = rounds(small=2, full=10)
PUSHES_BETWEEN = 20

pytestmark = pytest.mark.timeout(300 + 60 * KILLS)


async def test_nothing_acknowledged_is_missing_or_double(
    system: TemporaryInstallation, source: Made, relay_process: RelayProcess
) -> None:
    gate = Gate(url=relay_process.url, token="any", client_id=system.installation.client_id())
    async with pushing(gate) as told:
        for _ in range(KILLS):
            await more_is_acknowledged(told)
            await relay_process.stop(signal.SIGKILL)
            await relay_process.start()
        await more_is_acknowledged(told)

    async def all_arrived() -> bool:
        return told.acknowledged <= {row[0] for row in await everything(system, source)}

    await eventually(all_arrived, seconds=60)
    found = [row[0] for row in await everything(system, source)]

    assert told.statuses <= {201}
    assert len(found) == len(set(found))


async def everything(system: TemporaryInstallation, source: Made) -> list[tuple[int]]:
    query = "SELECT id FROM {schema}.keyed UNION ALL SELECT id FROM {schema}.keyless"
    return await rows(system, source, query)


async def more_is_acknowledged(told: Told) -> None:
    wanted = len(told.acknowledged) + PUSHES_BETWEEN * RECORDS_A_PUSH

    async def reached() -> bool:
        return len(told.acknowledged) >= wanted

    await eventually(reached, seconds=60)
