"""`pushgate audit`: verify and query the event log."""

from cli.audit import log, replay, trace, verify
from cli.command import Subparsers, add_group


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "audit", summary="Verify and query the event log.")
    for commands in (replay, verify, log, trace):
        commands.register(group)
