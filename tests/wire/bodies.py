"""The contract's sample requests, to be changed by a test."""

import copy
from typing import Any

import orjson

_BATCH: dict[str, Any] = {
    "table_name": "customers",
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "has_magic": {"type": "boolean"},
        }
    },
    "messages": [
        {
            "action": "upsert",
            "sequence": 1565880017,
            "data": {"id": 1, "name": "Finn", "age": 15, "has_magic": False},
        }
    ],
    "key_names": ["id"],
}
_RECORD: dict[str, Any] = {
    "client_id": 7723,
    "table_name": "customers",
    "sequence": 1565880017,
    "data": {"id": 1, "name": "Finn"},
    "key_names": ["id"],
    "action": "upsert",
}


def batch(**arguments: Any) -> dict[str, Any]:
    return copy.deepcopy(_BATCH) | arguments


def batch_of(*datas: Any, schema: Any = None, **arguments: Any) -> dict[str, Any]:
    """A batch of these records, by default without keys and with a schema that takes anything."""
    messages = [
        {"action": "upsert", "sequence": index, "data": data} for index, data in enumerate(datas)
    ]
    return batch(**{"messages": messages, "schema": schema or {}, "key_names": []} | arguments)


def record(**arguments: Any) -> dict[str, Any]:
    return copy.deepcopy(_RECORD) | arguments


def without(body: dict[str, Any], *arguments: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in arguments}


def text(body: Any) -> bytes:
    return orjson.dumps(body)


def nested(levels: int) -> dict[str, Any]:
    """Objects and arrays by turns, ``levels`` of them, ``data`` itself counted."""
    value: Any = 1
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    return {"id": 1, "deep": value}
