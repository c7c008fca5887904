"""The client: pushes records through an outbox, or directly to the gate."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pushgate_client.address import gate_address
from pushgate_client.answers import Fault
from pushgate_client.clock import ClientClock, ClientSystemClock
from pushgate_client.delivery import Delivery, Happening
from pushgate_client.direct_sink import DirectSink
from pushgate_client.entries import PUSH, Counts, Entry
from pushgate_client.errors import ClientClosed, RecordUnusable, Refused
from pushgate_client.limits import (
    CONNECTIONS,
    GIVE_UP_SECONDS,
    LINGER_SECONDS,
    OUTBOX_BYTES_MAX,
    REQUEST_RECORDS,
)
from pushgate_client.outbox.capacity import OnFull
from pushgate_client.outbox.outbox import Outbox
from pushgate_client.records import (
    AnyRecord,
    InvalidRecord,
    RequestBody,
    cut,
    encode,
    overhead_of,
    record_prefix,
)
from pushgate_client.task_group import BoundedTaskGroup
from pushgate_client.tokens import AnyToken, TokenFromEnvironment, token_source


@dataclass(frozen=True)
class Options:
    """Settings that rarely need a change.

    ``happened`` is called with each event of the delivery, ``said`` with a sentence for each repair
    of the outbox's directory. ``linger_seconds``: how long the end of the block waits for the
    outbox to empty; what is left stays there. ``give_up_seconds`` applies without an outbox.
    """

    bytes_max: int = OUTBOX_BYTES_MAX
    on_full: OnFull = "wait"
    connections: int = CONNECTIONS
    batch_records: int = REQUEST_RECORDS
    linger_seconds: float = LINGER_SECONDS
    give_up_seconds: float = GIVE_UP_SECONDS
    happened: Callable[[Happening], None] = lambda _: None
    said: Callable[[str], None] = lambda _: None
    clock: ClientClock = field(default_factory=ClientSystemClock)


class Pushed(NamedTuple):
    """``entries``: the ids in the outbox, empty without one."""

    records: int
    requests: int
    entries: list[int]


class PushClient:
    """``async with PushClient(url, token=…, client_id=…, outbox="directory") as client``.

    With an outbox ``push`` returns once the records are on disk, and they are sent while the block
    runs. Without one it returns once the gate has stored them. ``token``: a text, a callable, or a
    source from ``pushgate_client.tokens`` (default: PUSHGATE_TOKEN). The default of ``client_id``
    is PUSHGATE_CLIENT_ID.
    """

    def __init__(
        self,
        url: str,
        *,
        token: AnyToken | None = None,
        client_id: int | None = None,
        outbox: str | Path | None = None,
        options: Options | None = None,
    ) -> None:
        self._url = gate_address(url)
        self._token = token_source(TokenFromEnvironment() if token is None else token)
        self._client_id = _client_id(client_id)
        self._directory = outbox
        self._options = options or Options()
        self._stack = contextlib.AsyncExitStack()
        self._outbox: Outbox | None = None
        self._delivery: Delivery | None = None
        self._direct: DirectSink | None = None
        self._closed = False

    async def __aenter__(self) -> PushClient:
        """Raises OutboxLocked while another process has the outbox."""
        try:
            if self._directory is None:
                await self._open_direct()
            else:
                await self._open_outbox(self._directory)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if self._closed:
            return
        try:
            if kind is None and self._delivery is not None:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._delivery.emptied(), self._options.linger_seconds)
        finally:
            self._closed = True
            await self._stack.aclose()

    async def push(
        self, table: str, records: Iterable[AnyRecord], *, keys: Sequence[str]
    ) -> Pushed:
        """Of two records with equal keys the one pushed later wins, even if it is sent again.

        Raises ValueError without a table or keys, and RecordUnusable for a record that can't be
        written as JSON. With an outbox it raises OutboxFull or DiskFull if ``on_full`` is
        ``raise``, and the exception of ``happened`` if that has raised; without one Refused and
        GaveUp.
        """
        _require_names(table, keys)
        prefix = record_prefix(self._client_id, table, keys)
        bodies = cut(
            encode(records),
            overhead_bytes=overhead_of(prefix),
            records_max=self._options.batch_records,
        )
        count = requests = 0
        async with BoundedTaskGroup(self._options.connections) as tasks:
            for body in bodies:
                if isinstance(body, InvalidRecord):
                    _require_none_refused(count, await tasks.finished())
                    raise RecordUnusable(body.number, count, body.reason)
                entry = await self._entry(table, body, prefix)
                await tasks.add(self._put(entry))
                count += entry.records
                requests += 1
            results = await tasks.finished()
        _require_none_refused(count, results)
        return Pushed(count, requests, sorted(each for each in results if isinstance(each, int)))

    def counts(self) -> Counts:
        """The state of the outbox; all zero without one."""
        return Counts() if self._outbox is None else self._outbox.counts()

    async def emptied(self) -> None:
        """Returns when nothing waits in the outbox."""
        if self._delivery is not None:
            await self._delivery.emptied()

    async def _open_outbox(self, directory: str | Path) -> None:
        options = self._options
        self._outbox = await self._stack.enter_async_context(
            Outbox.open(
                directory,
                bytes_max=options.bytes_max,
                on_full=options.on_full,
                said=options.said,
                clock=options.clock,
            )
        )
        self._delivery = await self._stack.enter_async_context(
            Delivery(
                self._outbox,
                url=self._url,
                token=self._token,
                connections=options.connections,
                happened=options.happened,
                clock=options.clock,
            )
        )

    async def _open_direct(self) -> None:
        options = self._options
        self._direct = await self._stack.enter_async_context(
            DirectSink(
                self._url,
                self._token,
                connections=options.connections,
                give_up_seconds=options.give_up_seconds,
                clock=options.clock,
            )
        )

    async def _entry(self, table: str, body: RequestBody, prefix: bytes) -> Entry:
        sink = self._outbox or self._direct
        if sink is None or self._closed:
            raise ClientClosed
        records = len(body.members)
        first = await sink.next_sequences(records)
        return Entry(
            endpoint=PUSH,
            tables=(table,),
            body=body.serialize(prefix, first),
            records=records,
            created=self._options.clock.nanoseconds(),
            # Every sequence is greater than those before, so they decide in whatever order requests
            # arrive.
            in_order=False,
        )

    async def _put(self, entry: Entry) -> int | list[Fault]:
        """The entry's id in the outbox; without one, the parts that were refused."""
        if self._outbox is not None and self._delivery is not None:
            return await self._delivery.unless_failed(self._outbox.append(entry))
        assert self._direct is not None, "used inside the block"
        return await self._direct.send(entry)


def _require_none_refused(records: int, results: Iterable[int | list[Fault]]) -> None:
    """Raises Refused for what came of so many records."""
    faults = [fault for result in results if isinstance(result, list) for fault in result]
    if faults:
        raise Refused(records - sum(fault.records for fault in faults), faults)


def _require_names(table: str, keys: Sequence[str]) -> None:
    """Without them the gate would refuse each record, long after the push."""
    if isinstance(keys, (str, bytes)):
        raise TypeError(f"keys must be a list of names: keys=[{keys!r}]")
    if not table.strip():
        raise ValueError("table must not be blank.")
    if not keys or not all(keys):
        raise ValueError("keys must name at least one field, those that identify a record.")


def _client_id(given: int | None) -> int:
    if given is not None:
        return given
    text = os.environ.get("PUSHGATE_CLIENT_ID", "")
    if not text.isdecimal():
        raise ValueError(
            "client_id is missing. It is the number of your account and is shown with the token:"
            " pass it, or set PUSHGATE_CLIENT_ID."
        )
    return int(text)
