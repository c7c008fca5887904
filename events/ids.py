"""Every id as a type of its own, and the only places where random ids are made."""

import os
import uuid
from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", int)
IntegrationId = NewType("IntegrationId", int)
TokenId = NewType("TokenId", int)
ConnectTokenId = NewType("ConnectTokenId", int)
EventNumber = NewType("EventNumber", int)
EventId = NewType("EventId", UUID)
CommandId = NewType("CommandId", UUID)
BatchId = NewType("BatchId", UUID)

_EVENT_NAMESPACE = UUID("8d0f3d8e-55c1-5b0e-9a51-6f3a6a5c7a10")


def new_command_id() -> CommandId:
    return CommandId(uuid.uuid4())  # noqa: TID251 — made here, and only here


def new_worker_id() -> UUID:
    """A name for one running process, for leases."""
    return uuid.uuid4()  # noqa: TID251 — made here, and only here


def event_id(command_id: CommandId, index: int) -> EventId:
    """The same command gives the same ids, which is what makes a retried append idempotent."""
    return EventId(uuid.uuid5(_EVENT_NAMESPACE, f"{command_id}:{index}"))


def new_batch_id(unix_milliseconds: int) -> BatchId:
    """A UUID version 7: time-ordered, so that inserts stay local in the indexes."""
    value = (unix_milliseconds & (2**48 - 1)) << 80
    value |= int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return BatchId(UUID(int=value))
