"""Questions to the event log: what changed between two points, who could write at one.

A point is the number of an event or a time.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from audit.errors import AuditFailed
from audit.history_client import HistoryClient, Query

Point: TypeAlias = "int | datetime"
Bounds: TypeAlias = dict[str, "str | int"]

LOG_SIZE = "Pushgate-Log-Size"
# Times have microseconds: one more turns the service's "before" into "at or before".
MICROSECOND = timedelta(microseconds=1)
LAST_TIME = datetime.max.replace(tzinfo=UTC)


async def events_between(client: HistoryClient, start: Point, end: Point) -> list[dict[str, Any]]:
    """The events after ``start`` up to and including ``end``.

    Raises AuditFailed for a number that is not in the log, and when ``start`` is after ``end``.
    """
    since, until = bounds(start, end)
    await require_exists(client, since | until)
    await require_order(client, start, end)
    return [event async for event in events(client, since | until)]


async def tokens_that_could_write(
    client: HistoryClient, integration_id: int, at: Point | None
) -> tuple[list[dict[str, Any]], str]:
    """The active tokens of the integration and its state, at a point or (None) now."""
    up_to = {} if at is None else until(at)
    await require_exists(client, up_to)
    query: Query = {"subject": f"integration/{integration_id}", **up_to}
    return active_tokens([event async for event in events(client, query)])


def active_tokens(
    events_of_integration: Iterable[dict[str, Any]],
) -> tuple[list[dict[str, Any]], str]:
    """The active tokens of one integration and its state, from its own events."""
    tokens: dict[int, dict[str, Any]] = {}
    state = "not created yet"
    for event in events_of_integration:
        data = event["data"]
        match event["type"]:
            case "IntegrationCreated" | "IntegrationResumed":
                state = "active"
            case "IntegrationPaused":
                state = "paused"
            case "IntegrationDeleted":
                state = "deleted"
            case "TokenGenerated":
                tokens[data["token_id"]] = {
                    "token_id": data["token_id"],
                    "last_four": data["last_four"],
                    "generated_at": event["time"],
                    "generated_by": event["actor"],
                    "generated_number": int(event["sequence"]),
                }
            case "TokenRevoked":
                del tokens[data["token_id"]]
            case _:
                pass  # a name, or what a later version records
    return list(tokens.values()), state


async def find_integration(client: HistoryClient, name: str) -> int:
    """By id, else by any name that it ever had; raises AuditFailed unless exactly one matches."""
    query: Query = {"type": ["IntegrationCreated", "IntegrationRenamed"]}
    found = set()
    async for event in events(client, query):
        number = int(event["subject"].partition("/")[2])
        names = {event["data"].get("display_name"), event["data"].get("schema_name")}
        if name in names or name == str(number):
            found.add(number)
    if name.isdecimal() and int(name) in found:
        return int(name)
    if not found:
        raise AuditFailed(f"The log has no integration {name!r}.")
    if len(found) > 1:
        candidates = ", ".join(map(str, sorted(found)))
        raise AuditFailed(f"{name!r} may mean {candidates}; use the id.")
    return found.pop()


async def last_number(client: HistoryClient) -> int:
    return int(await client.header("/events", LOG_SIZE, {"limit": 1})) - 1


async def events(client: HistoryClient, query: Query) -> AsyncIterator[dict[str, Any]]:
    async for line in client.lines("/events", query):
        yield json.loads(line)


def bounds(start: Point, end: Point) -> tuple[Bounds, Bounds]:
    """The service's parameters; raises AuditFailed for two numbers in the wrong order."""
    if isinstance(start, int) and isinstance(end, int) and start > end:
        raise _wrong_order(start, end)
    since: Bounds = {"after": start} if isinstance(start, int) else {"from": _just_after(start)}
    return since, until(end)


def until(point: Point) -> Bounds:
    return {"until": point} if isinstance(point, int) else {"to": _just_after(point)}


async def require_exists(client: HistoryClient, limits: Mapping[str, str | int]) -> None:
    """Raises AuditFailed for a number beyond the end of the log."""
    numbers = [number for number in limits.values() if isinstance(number, int)]
    if numbers and max(numbers) > (last := await last_number(client)):
        raise AuditFailed(
            f"There is no event {max(numbers)}: the log's numbers go from 0 to {last}."
        )


async def require_order(client: HistoryClient, start: Point, end: Point) -> None:
    """Raises AuditFailed for a time and a number in the wrong order.

    Their range would be empty, as if nothing had changed. ``bounds`` compares two numbers, the
    service two times.
    """
    if isinstance(start, int) == isinstance(end, int):
        return
    started, ended = [await _time_of(client, point) for point in (start, end)]
    if started and ended and started > ended:
        raise _wrong_order(start, end)


async def _time_of(client: HistoryClient, point: Point) -> datetime | None:
    """None for -1, the number before all events, and for an event that the reader may not see."""
    if isinstance(point, datetime):
        return point
    query: Query = {"after": max(point - 1, -1), "until": point}
    times = [datetime.fromisoformat(event["time"]) async for event in events(client, query)]
    return times[0] if times else None


def _just_after(time: datetime) -> str:
    """The calendar's last microsecond has none after it, and no event either."""
    return (time if time == LAST_TIME else time + MICROSECOND).isoformat()


def _wrong_order(start: Point, end: Point) -> AuditFailed:
    return AuditFailed(f"{_text(start)} is after {_text(end)}; give the earlier point first.")


def _text(point: Point) -> str:
    return str(point) if isinstance(point, int) else f"{point:%Y-%m-%dT%H:%M:%SZ}"
