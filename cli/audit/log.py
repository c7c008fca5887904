"""`audit follow`, `audit diff` and `audit who`: the log as people read it."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.audit.format import format_event
from cli.command import Subparsers, add_command
from cli.errors import CommandFailed
from cli.history_api import HistoryApi, Query, Unavailable, history_api
from cli.installation import installation_of
from cli.output import add_json, columns, show
from cli.times import parse_time

RECONNECT_SECONDS = 2.0
# Times have microseconds: the next one up makes "at or before" out of the feed's "before".
MICROSECOND = timedelta(microseconds=1)
LAST_TIME = datetime.max.replace(tzinfo=UTC)
POINT = "TIME-or-NUMBER"


def register(group: Subparsers) -> None:
    parser = add_command(group, "follow", follow, summary="events as they come, one a line")
    parser.add_argument("--after", type=int, metavar="NUMBER", help="default: from now on")
    parser.add_argument("--type", action="append", help="only such events; may be repeated")
    parser.add_argument("--json", action="store_true", help="as stored, instead of sentences")
    parser = add_command(group, "diff", diff, summary="what changed between two moments")
    parser.add_argument("start", metavar="FROM", help=f"{POINT}; it is not included itself")
    parser.add_argument("end", metavar="TO", help=f"{POINT}; it is included")
    add_json(parser)
    parser = add_command(
        group, "who", who, summary="which tokens could write, and who generated them"
    )
    parser.add_argument("integration", metavar="INTEGRATION", help="id, schema or display name")
    parser.add_argument("--at", metavar="TIME", help=f"{POINT}; default: now")
    add_json(parser)


async def follow(arguments: argparse.Namespace) -> None:
    """Until it is stopped; a connection that ends is made again from the last number.

    A question that the service refuses would be refused again: that ends it.
    """
    query: Query = {"type": arguments.type} if arguments.type else {}
    async with history_api(installation_of(arguments)) as api:
        after = arguments.after
        if after is None:
            after = await _last_number(api)
        while True:
            try:
                async for number, text in api.follow_events(after, query):
                    after = number
                    if text:
                        print(
                            text if arguments.json else format_event(json.loads(text)), flush=True
                        )
            except Unavailable as reason:
                print(f"pushgate: {reason} Trying again.", file=sys.stderr)
            await asyncio.sleep(RECONNECT_SECONDS)


async def diff(arguments: argparse.Namespace) -> None:
    start, end = _bounds(arguments.start, arguments.end)
    async with history_api(installation_of(arguments)) as api:
        await _require_exists(api, start | end)
        await _require_order(api, arguments.start, arguments.end)
        found = [event async for event in _events(api, start | end)]
    show(arguments, found, "\n".join(map(format_event, found)) or "nothing changed")


async def who(arguments: argparse.Namespace) -> None:
    async with history_api(installation_of(arguments)) as api:
        integration = await find_integration(api, arguments.integration)
        until = _until(arguments.at) if arguments.at else {}
        await _require_exists(api, until)
        subject: Query = {"subject": f"integration/{integration}", **until}
        tokens, state = _active_tokens([event async for event in _events(api, subject)])
    could = [token for token in tokens if state == "active"]
    document = {"integration_id": integration, "state": state, "tokens": could}
    rows = [[t["token_id"], t["last_four"], t["generated_at"], t["generated_by"]] for t in could]
    table = columns(("token", "ends in", "generated", "by"), rows)
    show(arguments, document, f"integration {integration} was {state}; could write:\n{table}")


def _active_tokens(events: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """The active tokens of one integration and its state, from its own facts."""
    tokens: dict[int, dict[str, Any]] = {}
    state = "not there yet"
    for event in events:
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


async def find_integration(api: HistoryApi, wanted: str) -> int:
    """By id, else by any name that it ever had; raises CommandFailed when it is not one."""
    query: Query = {"type": ["IntegrationCreated", "IntegrationRenamed"]}
    found = set()
    async for event in _events(api, query):
        number = int(event["subject"].partition("/")[2])
        names = {event["data"].get("display_name"), event["data"].get("schema_name")}
        if wanted in names or wanted == str(number):
            found.add(number)
    if wanted.isdecimal() and int(wanted) in found:
        return int(wanted)
    if len(found) != 1:
        meant = ", ".join(map(str, sorted(found)))
        hint = f"it may mean {meant}: name it by its id" if found else "the log knows none"
        raise CommandFailed(f"Which integration is {wanted!r}? {hint}.")
    return found.pop()


async def _events(api: HistoryApi, query: Query) -> AsyncIterator[dict[str, Any]]:
    async for line in api.lines("/events", query):
        yield json.loads(line)


async def _last_number(api: HistoryApi) -> int:
    return int(await api.header("/events", "Pushgate-Log-Size", {"limit": 1})) - 1


async def _require_exists(api: HistoryApi, bounds: Mapping[str, str | int]) -> None:
    """A number that is not there yet is no moment; raises CommandFailed."""
    numbers = [number for number in bounds.values() if isinstance(number, int)]
    if numbers and max(numbers) > (last := await _last_number(api)):
        raise CommandFailed(
            f"There is no event {max(numbers)}: the log's numbers go from 0 to {last}."
        )


async def _require_order(api: HistoryApi, start: str, end: str) -> None:
    """A time and a number the wrong way round would look as if nothing had changed.

    Raises CommandFailed; of two numbers ``_bounds`` does, of two times the service.
    """
    if (_number(start) is None) == (_number(end) is None):
        return
    began, ended = [await _time_of_point(api, text) for text in (start, end)]
    if began and ended and began > ended:
        raise CommandFailed(f"{start} is after {end}: give the earlier one first.")


async def _time_of_point(api: HistoryApi, text: str) -> datetime | None:
    """None of the number before all events, and of one that is not the reader's."""
    number = _number(text)
    if number is None:
        return _time(text)
    query: Query = {"after": max(number - 1, -1), "until": number}
    times = [_time(event["time"]) async for event in _events(api, query)]
    return times[0] if times else None


def _bounds(start: str, end: str) -> tuple[dict[str, str | int], dict[str, str | int]]:
    """Raises CommandFailed when the start is after the end and both are numbers."""
    number = _number(start)
    last = _number(end)
    if number is not None and last is not None and number > last:
        raise CommandFailed(f"{start} is after {end}: give the earlier one first.")
    since: dict[str, str | int] = (
        {"from": _just_after(_time(start))} if number is None else {"after": number}
    )
    return since, _until(end)


def _until(text: str) -> dict[str, str | int]:
    number = _number(text)
    if number is not None:
        return {"until": number}
    return {"to": _just_after(_time(text))}


def _just_after(moment: datetime) -> str:
    """Of the calendar's last microsecond it is that one itself: nothing is recorded then."""
    return (moment if moment == LAST_TIME else moment + MICROSECOND).isoformat()


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-1|[0-9]{1,18}", text) else None


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        raise CommandFailed(
            f"{text!r} is neither a number nor a time such as 2026-11-23T12:00:00Z."
        ) from None
