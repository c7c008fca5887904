"""Push records to Pushgate. An outbox on disk keeps them until they are acknowledged."""

from pushgate_client.answers import Answer, Fault
from pushgate_client.blocking import BlockingPushClient
from pushgate_client.client import Options, PushClient, Pushed
from pushgate_client.delivery import Delivery, Happening, Held, Resumed, Sent, WasSetAside
from pushgate_client.entries import BATCH, JSON, PUSH, TRANSIT, Counts, Entry, SetAside, Taken
from pushgate_client.errors import (
    ClientClosed,
    DiskFull,
    GaveUp,
    OutboxFull,
    OutboxLocked,
    OutboxUnusable,
    PushgateError,
    RecordUnusable,
    Refused,
    TokenUnreadable,
)
from pushgate_client.outbox.outbox import Outbox
from pushgate_client.outbox.view import OutboxView
from pushgate_client.tokens import FixedToken, TokenCallback, TokenFile, TokenFromEnvironment

__all__ = [
    "BATCH",
    "JSON",
    "PUSH",
    "TRANSIT",
    "Answer",
    "BlockingPushClient",
    "ClientClosed",
    "Counts",
    "Delivery",
    "DiskFull",
    "Entry",
    "Fault",
    "FixedToken",
    "GaveUp",
    "Happening",
    "Held",
    "Options",
    "Outbox",
    "OutboxFull",
    "OutboxLocked",
    "OutboxUnusable",
    "OutboxView",
    "PushClient",
    "Pushed",
    "PushgateError",
    "RecordUnusable",
    "Refused",
    "Resumed",
    "Sent",
    "SetAside",
    "Taken",
    "TokenCallback",
    "TokenFile",
    "TokenFromEnvironment",
    "TokenUnreadable",
    "WasSetAside",
]
