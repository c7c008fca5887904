"""Bodies to push: one small record, or a thousand that look like flights."""

from collections.abc import Iterator
from typing import Any

import orjson

FIRST_SEQUENCE = 1_700_000_000_000
SMALL_KEYS = ["id"]
FLIGHT_KEYS = ["year", "month", "day", "carrier", "flight", "sched_dep_time", "origin"]
FLIGHTS_PER_PUSH = 1_000
TRANSIT_CACHED_CHARACTERS_MIN = 4
TRANSIT_FIRST_CODE = ord("0")
_CARRIERS = ("UA", "AA", "B6", "DL", "EV", "MQ", "US", "WN", "VX", "FL")
_ORIGINS = ("EWR", "LGA", "JFK")
_DESTINATIONS = ("IAH", "MIA", "BQN", "ATL", "ORD", "FLL", "IAD", "MCO", "PBI", "TPA")


def small_pushes(client_id: int, first_sequence: int) -> Iterator[bytes]:
    """One record of a few fields each, every one with a sequence of its own."""
    sequence = first_sequence
    while True:
        sequence += 1
        data = {"id": sequence % 100_000, "name": "Finn the Human", "age": 15, "has_magic": False}
        yield orjson.dumps([record(client_id, "customers", SMALL_KEYS, data, sequence)])


def flight_pushes(client_id: int, first_sequence: int) -> Iterator[bytes]:
    """A thousand records of nineteen fields each."""
    return map(orjson.dumps, _thousands_of_flights(client_id, first_sequence))


def flight_transit(client_id: int, first_sequence: int) -> Iterator[bytes]:
    """The same records in transit, written compactly as stitchclient writes them."""
    for records in _thousands_of_flights(client_id, first_sequence):
        codes: dict[str, str] = {}
        yield orjson.dumps([_as_transit(each, codes) for each in records])


def flight_batches(client_id: int, first_sequence: int) -> Iterator[bytes]:
    """The same records with their JSON Schema."""
    for records in _thousands_of_flights(client_id, first_sequence):
        messages = [{key: each[key] for key in ("action", "data", "sequence")} for each in records]
        yield orjson.dumps(
            {
                "table_name": "flights",
                "schema": FLIGHT_SCHEMA,
                "key_names": FLIGHT_KEYS,
                "messages": messages,
            }
        )


def _thousands_of_flights(client_id: int, first_sequence: int) -> Iterator[list[dict[str, Any]]]:
    number = 0
    while True:
        records = []
        for _ in range(FLIGHTS_PER_PUSH):
            number += 1
            data, sequence = flight(number), first_sequence + number
            records.append(record(client_id, "flights", FLIGHT_KEYS, data, sequence))
        yield records


def _as_transit(value: dict[str, Any], codes: dict[str, str]) -> list[Any]:
    """A map of fewer than 44 distinct keys that need no escaping."""
    written: list[Any] = ["^ "]
    for key, item in value.items():
        written.append(codes.get(key, key))
        if len(key) >= TRANSIT_CACHED_CHARACTERS_MIN:
            codes.setdefault(key, f"^{chr(TRANSIT_FIRST_CODE + len(codes))}")
        written.append(_as_transit(item, codes) if isinstance(item, dict) else item)
    return written


def record(
    client_id: int, table: str, keys: list[str], data: dict[str, Any], sequence: int
) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "table_name": table,
        "sequence": sequence,
        "action": "upsert",
        "key_names": keys,
        "data": data,
    }


def flight(number: int) -> dict[str, Any]:
    month, day, hour = 1 + number % 12, 1 + number % 28, 5 + number % 19
    late = number % 61 - 20
    cancelled = number % 40 == 0
    return {
        "year": 2013,
        "month": month,
        "day": day,
        "dep_time": None if cancelled else hour * 100 + number % 60,
        "sched_dep_time": hour * 100 + 15,
        "dep_delay": None if cancelled else late,
        "arr_time": None if cancelled else (hour * 100 + 245) % 2400,
        "sched_arr_time": (hour * 100 + 230) % 2400,
        "arr_delay": None if cancelled else late - 7,
        "carrier": _CARRIERS[number % 10],
        "flight": number % 8_500,
        "tailnum": f"N{number % 99_999:05}",
        "origin": _ORIGINS[number % 3],
        "dest": _DESTINATIONS[number // 3 % 10],
        "air_time": None if cancelled else 40 + number % 330,
        "distance": 200 + number % 2_300,
        "hour": hour,
        "minute": 15,
        "time_hour": f"2013-{month:02}-{day:02}T{hour:02}:00:00Z",
    }


def _schema_of(example: dict[str, Any]) -> dict[str, Any]:
    """As a tap writes it: what may be missing is nullable."""
    kinds = {name: "integer" if type(value) is int else "string" for name, value in example.items()}
    nullable = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
    return {
        "type": "object",
        "properties": {
            name: {"type": ["null", kind] if name in nullable else kind}
            for name, kind in kinds.items()
        },
    }


FLIGHT_SCHEMA = _schema_of(flight(1))
PAYLOADS = {
    "small": small_pushes,
    "flights": flight_pushes,
    "flights in transit": flight_transit,
    "batches of flights": flight_batches,
}
MEDIA_TYPES = {"flights in transit": "application/transit+json"}
