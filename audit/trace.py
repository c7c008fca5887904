"""Trace a token to its receipts and rows, and a row back to its receipt and token.

A receipt and the rows of its batch share the time at which the batch was received.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

from audit.errors import AuditFailed
from audit.history_client import HistoryClient
from audit.provenance import DestinationReader, WrittenRow, rows_received_at
from services.loader.schema.identifiers import root_table_name

ReceiptDocument = dict[str, Any]


async def receipts_of_token(client: HistoryClient, token_id: int) -> AsyncIterator[ReceiptDocument]:
    """All of them, each with the state of its ``tables``."""
    async for line in client.lines(f"/tokens/{token_id}/receipts"):
        entry = json.loads(line)
        yield {**entry["receipt"], "tables": entry["tables"]}


async def add_rows(
    receipts: list[ReceiptDocument],
    schema: str,
    client: HistoryClient,
    destination: DestinationReader,
) -> None:
    """Add to each receipt its ``rows``: those that its batch was the last to write.

    ``replaced`` counts the records without such a row. A row names its table as the destination
    does. When two receipts of the same time wrote to the same table, a row of it may come from
    either: both receipts list it, and ``same_moment`` has the numbers of such other receipts.
    """
    for receipt in receipts:
        receipt["rows"] = []
        receipt["same_moment"] = [
            other["number"]
            for other in await _receipts_at(client, schema, receipt["received_at"])
            if other["number"] != receipt["number"]
        ]
    writers = _writers(receipts)
    times = sorted({time for _, time in writers})
    for table in sorted({table for table, _ in writers}):
        for written in await rows_received_at(destination, schema, table, times=times):
            for receipt in writers.get((table, written.received_at), ()):
                receipt["rows"].append({"table": table, "row": written.row})
    for receipt in receipts:
        receipt["replaced"] = max(0, receipt["records"] - len(receipt["rows"]))


def _writers(
    receipts: Iterable[ReceiptDocument],
) -> dict[tuple[str, datetime], list[ReceiptDocument]]:
    """Which receipts wrote to which table of the destination at which time."""
    writers = defaultdict(list)
    for receipt in receipts:
        time = datetime.fromisoformat(receipt["received_at"])
        for table in _destination_tables(table["table"] for table in receipt["tables"]):
            writers[table, time].append(receipt)
    return writers


async def sources_of(
    client: HistoryClient, schema: str, table: str, written: WrittenRow
) -> list[dict[str, Any]]:
    """ReceiptDocument and token that a row came from; several if received at the same microsecond.

    Raises AuditFailed when there is no such receipt.
    """
    time = written.received_at.isoformat()
    receipts = [
        receipt for receipt in await _receipts_at(client, schema, time) if _wrote_to(receipt, table)
    ]
    if not receipts:
        raise AuditFailed(f"No batch was received at {time}: this row was not loaded by Pushgate.")
    return [
        {"receipt": receipt, "token": await client.document(f"/tokens/{receipt['token_id']}")}
        for receipt in receipts
    ]


async def _receipts_at(client: HistoryClient, schema: str, time: str) -> list[ReceiptDocument]:
    return list(await client.document("/receipts/at", {"schema": schema, "moment": time}))


def _wrote_to(receipt: ReceiptDocument, table: str) -> bool:
    """Sub-tables are named after their root table and two underscores."""
    roots = _destination_tables(receipt["tables"])
    return any(table == root or table.startswith(f"{root}__") for root in roots)


def _destination_tables(names: Iterable[str]) -> set[str]:
    """Several names that clients wrote may be one table; a name that is not allowed has none."""
    found = [root_table_name(name) for name in names]
    return {name.text for name in found if name.problem is None}
