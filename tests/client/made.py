"""Entries as the tests put them in."""

from __future__ import annotations

from typing import Any

import orjson

from pushgate_client.entries import PUSH, Entry


def entry(*ids: int, table: str = "things", in_order: bool = False, created: int = 1) -> Entry:
    """A push of one record for each id."""
    records = [record(id_, table=table) for id_ in ids]
    return Entry(
        endpoint=PUSH,
        tables=(table,),
        body=orjson.dumps(records),
        records=len(records),
        created=created,
        in_order=in_order,
    )


def record(id_: int, *, table: str = "things") -> dict[str, Any]:
    return {
        "client_id": 1,
        "table_name": table,
        "action": "upsert",
        "key_names": ["id"],
        "sequence": id_,
        "data": {"id": id_},
    }


def ids_of(body: bytes) -> list[int]:
    return [each["data"]["id"] for each in orjson.loads(body)]
