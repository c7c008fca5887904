"""Requests into an outbox, and from there to the gate: what is not in yet stays on disk."""

import asyncio
from asyncio import Task
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cli.push.json_input import InvalidInput
from cli.push.limits import FULL_SECONDS, LINGER_SECONDS, SEQUENCES
from cli.push.producer import INTERRUPTED, Producer
from cli.push.progress import Progress, ProgressState, shown
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushRequest
from pushgate_client import PUSH, Delivery, Entry, Happening, Outbox, Sent, WasSetAside
from pushgate_client.limits import CONNECTIONS, OUTBOX_BYTES_MAX
from pushgate_client.tokens import TokenSource
from services.runtime.clock import Clock

_LOOK_SECONDS = 0.25
# A moment without room is what a full outbox is like while it empties.
_SAID_AFTER_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class OutboxPush:
    """``linger_seconds``: how long a gate that takes nothing is waited for at the end.

    ``full_seconds``: the same while the outbox takes nothing more.
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


# Made once the first sequence is known.
Items = Callable[[int], Iterator[PushRequest | InvalidInput]]


async def send_through(
    way: OutboxPush,
    items: Items,
    *,
    clock: Clock,
    progress: Progress | None = None,
    counts_rest: bool = False,
) -> Report:
    """The report tells of every record. Raises OutboxLocked while another process has the outbox.

    When it is cancelled it ends too, with a report: what is on disk stays there.
    """
    async with Outbox.open(way.directory, bytes_max=way.bytes_max, said=way.notice) as outbox:
        sending = _OutboxSending(way, outbox, clock)
        delivery = Delivery(
            outbox,
            url=way.url,
            token=way.token,
            connections=way.connections,
            happened=sending.happened,
        )
        async with shown(progress, sending.standing), delivery:
            await sending.all(delivery, items)
            why = outbox.counts().why
    # Only now is it known of everything whether it is on disk.
    sending.report.requests = delivery.requests
    await sending.name_what_is_not_in(why, counts_rest=counts_rest)
    return sending.report


async def linger(delivery: Delivery, progress: Callable[[], int], seconds: float) -> None:
    """Returns when nothing waits, or nothing has come of waiting for so long."""
    while True:
        before = progress()
        try:
            async with asyncio.timeout(seconds):
                return await delivery.emptied()
        except TimeoutError:
            if progress() == before:
                return None


class _QueuedRequest(NamedTuple):
    """Of a request in the outbox: all but its body, which is on disk, where there is room."""

    request: PushRequest
    size: int


class _OutboxSending:
    def __init__(self, way: OutboxPush, outbox: Outbox, clock: Clock) -> None:
        self.report = Report()
        self._settled = 0
        self._way = way
        self._outbox = outbox
        self._clock = clock
        self._feed: Producer | None = None
        self._appending: dict[Task[None], PushRequest] = {}
        self._queued: dict[int, _QueuedRequest] = {}

    def standing(self) -> ProgressState:
        counts = self._outbox.counts()
        return ProgressState(
            read=0 if self._feed is None else self._feed.records,
            accepted=self.report.accepted,
            waiting=counts.waiting_records,
            why=counts.why,
        )

    async def all(self, delivery: Delivery, items: Items) -> None:
        """As far as it goes, also when it is interrupted."""
        try:
            first = await self._outbox.next_sequences(SEQUENCES)
            self._feed = feed = Producer(items(first), self.report)
            if await self._all_put(feed):
                await linger(delivery, lambda: self._settled, self._way.linger_seconds)
        except asyncio.CancelledError:
            self.report.interrupted = True
            if self._feed is not None:
                self._feed.end(INTERRUPTED)

    def happened(self, happening: Happening) -> None:
        """Of entries that were there before the report says nothing; they are sent all the same."""
        match happening:
            case Sent(id_, records):
                self._settled += 1
                kept = self._queued.pop(id_, None)
                if kept is not None:
                    self.report.accept(records=records, size=kept.size)
            case WasSetAside(id_, part, answer, place) if id_ in self._queued:
                self.report.add(
                    PushOutcome.SET_ASIDE,
                    self._queued[id_].request.part(place, part.records),
                    reason=answer.quoted,
                    status=answer.status,
                )
            case _:
                pass

    async def name_what_is_not_in(self, why: str | None, *, counts_rest: bool) -> None:
        for kept in self._queued.values():
            self.report.add(
                PushOutcome.HELD, kept.request, reason=why or "the gate has not answered yet"
            )
        assert self._feed is not None or self.report.interrupted, "it was begun"
        for task, request in self._appending.items():
            task.cancel()
            await asyncio.wait({task})
            failure = None if task.cancelled() else task.exception()
            reason = self._feed.ended_by if failure is None and self._feed else str(failure)
            self.report.add(PushOutcome.UNSENT, request, reason=reason or INTERRUPTED)
        if self._feed is not None:
            # Who interrupts it does not want to wait until a long file is read.
            counts_rest = counts_rest and not self.report.interrupted
            await self._feed.name_the_rest(counts_rest=counts_rest)

    async def _all_put(self, feed: Producer) -> bool:
        """Whether all is in the outbox that can be; not when it was full for too long."""
        putting = asyncio.create_task(feed.to(self._put, at_once=self._way.connections))
        watching = asyncio.create_task(self._full_for_long())
        try:
            await asyncio.wait({putting, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not putting.done():
                feed.end(watching.result())
                return False
            putting.result()
            return True
        finally:
            for task in (putting, watching):
                task.cancel()
            await asyncio.gather(putting, watching, return_exceptions=True)

    async def _put(self, request: PushRequest) -> None:
        """What was begun is not broken off: it must be known in the end whether it is on disk."""
        appending = asyncio.create_task(self._append(request))
        self._appending[appending] = request.without_body()
        await asyncio.shield(appending)

    async def _append(self, request: PushRequest) -> None:
        entry = Entry(
            endpoint=PUSH,
            tables=(self._way.table,),
            body=request.body,
            records=request.records,
            created=int(self._clock.now().timestamp() * 1e9),
            # Sequences decide which record wins, whatever comes first.
            in_order=False,
        )
        size, kept = len(request.body), request.without_body()
        id_ = await self._outbox.append(entry)
        self._queued[id_] = _QueuedRequest(kept, size)
        task = asyncio.current_task()
        assert task is not None, "it runs in one"
        del self._appending[task]

    async def _full_for_long(self) -> str:
        """Returns why, once nothing was taken in nor sent for so long."""
        since, before, said = self._clock.monotonic(), -1, False
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now, full = self._clock.monotonic(), self._outbox.full
            if full is None or self._settled != before:
                since, before, said = now, self._settled, False
                continue
            why = self._outbox.counts().why
            held = f" Nothing is sent meanwhile: {why}." if why else ""
            if now - since >= self._way.full_seconds:
                return f"{full}{held}"
            if not said and now - since >= _SAID_AFTER_SECONDS:
                said = True
                self._way.notice(
                    f"{full}{held} Waiting for up to {self._way.full_seconds:g} s until something"
                    " moves; Ctrl-C ends the push, and what is in the outbox stays there."
                )
