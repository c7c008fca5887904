"""Push through an outbox: put requests on disk, deliver them, and report what is not stored yet."""

import asyncio
from asyncio import Task
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cli.push.limits import FULL_SECONDS, LINGER_SECONDS, SEQUENCES
from cli.push.producer import INTERRUPTED, Item, Producer
from cli.push.progress import Progress, ProgressState, shown
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushRequest
from pushgate_client import PUSH, Delivery, Entry, Happening, Outbox, Sent, WasSetAside
from pushgate_client.limits import CONNECTIONS, OUTBOX_BYTES_MAX
from pushgate_client.tokens import TokenSource
from services.runtime.clock import Clock

_LOOK_SECONDS = 0.25
# A full outbox that empties has no room for moments; only a longer wait is worth a notice.
_NOTICE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class OutboxPush:
    """``linger_seconds``: how long a gate that accepts nothing is waited for at the end.

    ``full_seconds``: the same for an outbox that has no room.
    """

    url: str
    token: TokenSource
    directory: Path
    table: str
    connections: int = CONNECTIONS
    bytes_max: int = OUTBOX_BYTES_MAX
    linger_seconds: float = LINGER_SECONDS
    full_seconds: float = FULL_SECONDS
    notice: Callable[[str], None] = lambda _: None


# Makes the requests once the first sequence is known.
Items = Callable[[int], Iterator[Item]]


async def push_through_outbox(
    push: OutboxPush,
    items: Items,
    *,
    clock: Clock,
    progress: Progress | None = None,
    counts_rest: bool = False,
) -> Report:
    """The report covers every record. Raises OutboxLocked while another process has the outbox.

    Cancelled, it still returns a report, and what is on disk stays there.
    """
    async with Outbox.open(push.directory, bytes_max=push.bytes_max, said=push.notice) as outbox:
        sending = _OutboxSending(push, outbox, clock)
        delivery = Delivery(
            outbox,
            url=push.url,
            token=push.token,
            connections=push.connections,
            happened=sending.on_event,
        )
        async with shown(progress, sending.state), delivery:
            await sending.run(delivery, items)
            why = outbox.counts().why
    # Only after closing is it known of every append whether it is on disk.
    sending.report.requests = delivery.requests
    await sending.report_missing(why, counts_rest=counts_rest)
    return sending.report


class _QueuedRequest(NamedTuple):
    """A request in the outbox, without its body, which is on disk."""

    numbers: Sequence[int]
    size: int


class _OutboxSending:
    def __init__(self, push: OutboxPush, outbox: Outbox, clock: Clock) -> None:
        self.report = Report()
        self._settled = 0
        self._push = push
        self._outbox = outbox
        self._clock = clock
        self._producer: Producer | None = None
        self._appending: dict[Task[None], Sequence[int]] = {}
        self._queued: dict[int, _QueuedRequest] = {}

    def state(self) -> ProgressState:
        counts = self._outbox.counts()
        return ProgressState(
            read=0 if self._producer is None else self._producer.records,
            accepted=self.report.accepted,
            waiting=counts.waiting_records,
            why=counts.why,
        )

    async def run(self, delivery: Delivery, items: Items) -> None:
        """As far as it goes, also when it is cancelled."""
        try:
            first = await self._outbox.next_sequences(SEQUENCES)
            self._producer = producer = Producer(items(first), self.report)
            if await self._append_all(producer):
                await delivery.emptied(idle_seconds=self._push.linger_seconds)
        except asyncio.CancelledError:
            self.report.interrupted = True
            if self._producer is not None:
                self._producer.end(INTERRUPTED)

    def on_event(self, event: Happening) -> None:
        """Entries that were there before the push are sent too, but not reported."""
        match event:
            case Sent(id_, records):
                self._settled += 1
                queued = self._queued.pop(id_, None)
                if queued is not None:
                    self.report.accept(records=records, size=queued.size)
            case WasSetAside(id_, part, answer, place) if id_ in self._queued:
                self.report.add(
                    PushOutcome.SET_ASIDE,
                    self._queued[id_].numbers[place : place + part.records],
                    reason=answer.quoted,
                    status=answer.status,
                )
            case _:
                pass

    async def report_missing(self, why: str | None, *, counts_rest: bool) -> None:
        for queued in self._queued.values():
            reason = why or "the gate has not answered yet"
            self.report.add(PushOutcome.ON_HOLD, queued.numbers, reason=reason)
        ended_by = None if self._producer is None else self._producer.ended_by
        for task, numbers in self._appending.items():
            task.cancel()
            await asyncio.wait({task})
            failure = None if task.cancelled() else task.exception()
            reason = (ended_by or INTERRUPTED) if failure is None else str(failure)
            self.report.add(PushOutcome.UNSENT, numbers, reason=reason)
        if self._producer is not None:
            # Whoever interrupts a push does not want to wait until a long file is read.
            await self._producer.report_unread(count=counts_rest and not self.report.interrupted)

    async def _append_all(self, producer: Producer) -> bool:
        """Whether everything is in the outbox; not if that was full for too long."""
        appending = asyncio.create_task(
            producer.run(self._append, connections=self._push.connections)
        )
        watching = asyncio.create_task(self._full_for_long())
        try:
            await asyncio.wait({appending, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not appending.done():
                producer.end(watching.result())
                return False
            appending.result()
            return True
        finally:
            for task in (appending, watching):
                task.cancel()
            await asyncio.gather(appending, watching, return_exceptions=True)

    async def _append(self, request: PushRequest) -> None:
        """Once begun it is not cancelled, so that it is known in the end whether it is on disk."""
        appending = asyncio.create_task(self._append_to_end(request))
        self._appending[appending] = request.numbers
        await asyncio.shield(appending)

    async def _append_to_end(self, request: PushRequest) -> None:
        entry = Entry(
            endpoint=PUSH,
            tables=(self._push.table,),
            body=request.body,
            records=len(request.numbers),
            created=int(self._clock.now().timestamp() * 1e9),
            # Sequences decide which record wins, in whatever order requests arrive.
            in_order=False,
        )
        queued = _QueuedRequest(request.numbers, len(request.body))
        id_ = await self._outbox.append(entry)
        self._queued[id_] = queued
        task = asyncio.current_task()
        assert task is not None, "it runs in one"
        del self._appending[task]

    async def _full_for_long(self) -> str:
        """Returns the reason once nothing was appended or sent for ``full_seconds``."""
        since, before, noticed = self._clock.monotonic(), -1, False
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now, full = self._clock.monotonic(), self._outbox.full
            if full is None or self._settled != before:
                since, before, noticed = now, self._settled, False
                continue
            why = self._outbox.counts().why
            hold = f" Nothing is sent meanwhile: {why}." if why else ""
            if now - since >= self._push.full_seconds:
                return f"{full}{hold}"
            if not noticed and now - since >= _NOTICE_SECONDS:
                noticed = True
                self._push.notice(
                    f"{full}{hold} Waiting up to {self._push.full_seconds:g} s for room."
                    " Press Ctrl-C to end the push; what is in the outbox stays there."
                )
