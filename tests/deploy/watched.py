"""A running system from outside: pushes into it, its log lines, its metrics, its tables as text."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from cli.temporary_installation import TemporaryInstallation
from services.runtime.config import Secret

PROGRAMS = ("tokens", "ingest", "loader", "history")

EVERY_TABLE = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, kw_only=True)
class Watched:
    system: TemporaryInstallation
    created: dict[str, Any]
    session: aiohttp.ClientSession

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, system: TemporaryInstallation, created: dict[str, Any]
    ) -> AsyncIterator[Watched]:
        async with aiohttp.ClientSession() as session:
            yield cls(system=system, created=created, session=session)

    @property
    def token(self) -> str:
        return str(self.created["token"]["access_token"])

    def url(self, program: str, key: str = "url") -> str:
        run = json.loads((self.system.data_dir / "run.json").read_text())
        return str(run[program][key])

    async def push(self, table: str, *, request_id: str, sequence: int = 1) -> int:
        """One record; the status of the answer."""
        record = {
            "client_id": self.created["client_id"],
            "table_name": table,
            "key_names": ["id"],
            "action": "upsert",
            "sequence": sequence,
            "data": {"id": 1},
        }
        headers = {"Authorization": f"Bearer {self.token}", "X-Request-Id": request_id}
        url = f"{self.url('ingest')}/v2/import/push"
        async with self.session.post(url, json=[record], headers=headers) as answer:
            return answer.status

    async def lines(self, program: str) -> list[dict[str, Any]]:
        """What the program has logged since the system came up."""
        path = self.system.data_dir / "logs" / f"{program}.log"
        text = await asyncio.to_thread(path.read_text)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    async def metrics(self, program: str) -> dict[str, float]:
        """Values by series, ours only: ``name{label="value"}``."""
        async with self.session.get(f"{self.url(program, 'ops_url')}/metrics") as answer:
            text = await answer.text()
        return {
            sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("pushgate_")
        }

    async def everything_written(self) -> dict[str, str]:
        """By place: every log, every metric, every row of both databases."""
        logs = sorted((self.system.data_dir / "logs").iterdir())
        places = {path.name: await asyncio.to_thread(path.read_text) for path in logs}
        places["what `up` printed"] = "\n".join(self.system.output)
        for program in PROGRAMS:
            async with self.session.get(f"{self.url(program, 'ops_url')}/metrics") as answer:
                places[f"metrics of {program}"] = await answer.text()
        installation = self.system.installation
        for url in (installation.database_url(), installation.destination_url()):
            places |= await _tables(url)
        return places


async def _tables(url: Secret) -> dict[str, str]:
    connection = await asyncpg.connect(url.reveal())
    try:
        names = [row[0] for row in await connection.fetch(EVERY_TABLE)]
        return {
            f"table {name}": "\n".join(
                row[0] for row in await connection.fetch(f"SELECT t::text FROM {name} t")
            )
            for name in names
        }
    finally:
        await connection.close()
