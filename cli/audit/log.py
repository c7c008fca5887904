"""`audit follow`, `audit diff` and `audit who`: the event log in sentences."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from audit.event_log import (
    events_between,
    find_integration,
    last_number,
    tokens_that_could_write,
)
from audit.history_client import Query, Unavailable
from cli.audit.point_argument import POINT, POINT_HELP, parse_point
from cli.command import Subparsers, add_command
from cli.history_api import history_api
from cli.installation import installation_of
from cli.integration_argument import add_integration
from cli.output import add_json, columns, show
from events.sentences import what_happened

RECONNECT_SECONDS = 2.0


def register(group: Subparsers) -> None:
    parser = add_command(
        group,
        "follow",
        follow,
        summary="Print events as they are appended, one per line.",
        details="Runs until you stop it, and reconnects when the connection ends.",
        example="pushgate audit follow --type TokenGenerated --type TokenRevoked",
    )
    parser.add_argument(
        "--after",
        type=int,
        metavar="NUMBER",
        help="Start after the event with this number. Default: the newest event.",
    )
    parser.add_argument(
        "--type",
        action="append",
        metavar="EVENT_TYPE",
        help="Print only events of this type. May be repeated.",
    )
    parser.add_argument(
        "--json", action="store_true", help="Print events as they are stored, not as sentences."
    )
    parser = add_command(
        group,
        "diff",
        diff,
        summary="Show what changed between two points of the log.",
        example="pushgate audit diff 2026-11-01 2026-12-01",
    )
    parser.add_argument("start", metavar="FROM", help=f"{POINT_HELP} Excluded.")
    parser.add_argument("end", metavar="TO", help="As FROM. Included.")
    add_json(parser)
    parser = add_command(
        group,
        "who",
        who,
        summary="Show which tokens could write to an integration, and who generated them.",
        example="pushgate audit who web_shop --at 2026-11-23T12:00:00Z",
    )
    add_integration(parser)
    parser.add_argument("--at", metavar=POINT, help=f"{POINT_HELP} Default: now.")
    add_json(parser)


async def follow(arguments: argparse.Namespace) -> None:
    """Reconnects from the last number; a request that the service refuses ends the command."""
    query: Query = {"type": arguments.type} if arguments.type else {}
    async with history_api(installation_of(arguments)) as client:
        after = await last_number(client) if arguments.after is None else arguments.after
        while True:
            try:
                async for number, text in client.follow_events(after, query):
                    after = number
                    if text:
                        line = text if arguments.json else format_event(json.loads(text))
                        print(line, flush=True)
            except Unavailable as error:
                print(f"pushgate: {error} Reconnecting.", file=sys.stderr)
            await asyncio.sleep(RECONNECT_SECONDS)


async def diff(arguments: argparse.Namespace) -> None:
    start, end = parse_point(arguments.start), parse_point(arguments.end)
    async with history_api(installation_of(arguments)) as client:
        events = await events_between(client, start, end)
    show(arguments, events, "\n".join(map(format_event, events)) or "nothing changed")


async def who(arguments: argparse.Namespace) -> None:
    at = parse_point(arguments.at) if arguments.at else None
    async with history_api(installation_of(arguments)) as client:
        integration = await find_integration(client, arguments.integration)
        tokens, state = await tokens_that_could_write(client, integration, at)
    writers = [token for token in tokens if state == "active"]
    document = {"integration_id": integration, "state": state, "tokens": writers}
    rows = [[t["token_id"], t["last_four"], t["generated_at"], t["generated_by"]] for t in writers]
    table = columns(("token", "ends in", "generated", "by"), rows)
    text = f"integration {integration} was {state}; tokens that could write:\n{table}"
    show(arguments, document, text)


def format_event(event: dict[str, Any]) -> str:
    """``#12 2026-11-23 12:00:00 connect-token/9 generated token 3 (…a1b2) for integration 1``."""
    time = str(event["time"])[:19].replace("T", " ")
    sentence = what_happened(event["type"], event["data"], str(event["subject"]))
    return f"#{int(event['sequence'])} {time} {event['actor']} {sentence}"
