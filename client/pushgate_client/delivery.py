"""Deliver the entries of an outbox while the block runs; the rest stays in the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from pushgate_client.answers import Answer, Disposition, Fault
from pushgate_client.clock import ClientClock, ClientSystemClock
from pushgate_client.completion import Returned, run_to_completion
from pushgate_client.entries import Entry, Taken
from pushgate_client.errors import ClientClosed
from pushgate_client.limits import CONNECTIONS, STOP_SECONDS
from pushgate_client.outbox.outbox import Outbox
from pushgate_client.sending.deliverer import Deliverer
from pushgate_client.sending.sender import Sender
from pushgate_client.tokens import AnyToken, token_source


class Sent(NamedTuple):
    """The entry's records are stored, except for those that were set aside."""

    id: int
    records: int
    set_aside: int


class WasSetAside(NamedTuple):
    """A part of the entry ``id``, or all of it, was refused permanently.

    ``place``: position of the part's first record in the entry, from 0.
    """

    id: int
    part: Entry
    answer: Answer
    place: int = 0


class Held(NamedTuple):
    """Sending is held up: no token works, or the gate is unavailable. Requests are retried."""

    answer: Answer


class Resumed(NamedTuple):
    """After Held: a request was answered."""


Happening = Sent | WasSetAside | Held | Resumed


class Delivery:
    """``async with Delivery(outbox, url=…, token=…)``.

    ``happened`` is called with each event; what it raises ends the delivery. ``token``: a text, a
    callable, or a source from ``pushgate_client.tokens``.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        url: str,
        token: AnyToken,
        connections: int = CONNECTIONS,
        happened: Callable[[Happening], None] = lambda _: None,
        clock: ClientClock | None = None,
    ) -> None:
        self._outbox = outbox
        self._on_event = happened
        self._sender = Sender(url, connections=connections)
        self._deliverer = Deliverer(
            self._sender,
            token_source(token),
            clock=clock or ClientSystemClock(),
            on_answer=self._on_answer,
        )
        self._connections = connections
        self._workers: list[asyncio.Task[None]] = []
        self._idle: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._on_hold = False
        self._unavailable = asyncio.Event()
        self._settled = 0

    @property
    def requests(self) -> int:
        """How many were sent, retries and halves included."""
        return self._deliverer.requests

    async def __aenter__(self) -> Delivery:
        await self._sender.open()
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._connections)]
        self._idle = set(self._workers)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Waits for requests under way; what is not answered stays in the outbox."""
        self._stopping.set()
        for worker in self._idle:
            worker.cancel()
        try:
            if not self._on_hold:
                await self._wait_for_requests()
        finally:
            await run_to_completion(self._stop_workers())

    async def _stop_workers(self) -> None:
        for worker in self._workers:
            worker.cancel()
        ended = await asyncio.gather(*self._workers, return_exceptions=True)
        # The last reason for a hold stays in the counts: the rest waits for it.
        await self._sender.close()
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    async def emptied(self, *, idle_seconds: float | None = None) -> None:
        """Returns when nothing waits in the outbox, or nothing was settled for so long."""
        while True:
            before = self._settled
            try:
                return await asyncio.wait_for(
                    self.unless_failed(self._outbox.emptied()), idle_seconds
                )
            except asyncio.TimeoutError:
                if self._settled == before:
                    return None

    async def unless_failed(self, work: Coroutine[Any, Any, Returned]) -> Returned:
        """The result of ``work``, or the exception that ended the delivery meanwhile.

        Raises ClientClosed if the block was left meanwhile.
        """
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait(
                {task, *self._workers}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            task.cancel()
        for worker in done - {task}:
            if not worker.cancelled():
                worker.result()
        if task not in done:
            raise ClientClosed
        return task.result()

    async def failed(self) -> None:
        """Returns after the block only; raises the exception that ended the delivery, if any."""
        done, _ = await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _wait_for_requests(self) -> None:
        """Waits for requests under way, unless the gate turns out to be unavailable."""
        working = asyncio.ensure_future(asyncio.wait(self._workers))
        refused = asyncio.ensure_future(self._unavailable.wait())
        try:
            await asyncio.wait(
                {working, refused}, timeout=STOP_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            working.cancel()
            refused.cancel()

    async def _work(self) -> None:
        while not self._stopping.is_set():
            taken = await self._outbox.take()
            me, settled = _this_task(), False
            self._idle.discard(me)
            try:
                faults = await self._deliverer.deliver(taken.entry)
                await self._set_aside(taken, faults)
                set_aside = sum(fault.records for fault in faults)
                self._outbox.done(taken.id, set_aside=set_aside)
                settled = True
                self._settled += 1
                self._on_event(Sent(taken.id, taken.entry.records - set_aside, set_aside))
            finally:
                self._idle.add(me)
                if not settled:
                    self._outbox.release(taken.id)

    async def _set_aside(self, taken: Taken, faults: list[Fault]) -> None:
        for fault in faults:
            part, answer = fault.part, fault.answer
            await self._outbox.set_aside(
                taken.id, part, status=answer.status or 0, reason=answer.text, place=fault.place
            )
            self._on_event(WasSetAside(taken.id, part, answer, fault.place))

    def _on_answer(self, disposition: Disposition, answer: Answer) -> None:
        if disposition in (Disposition.HOLD, Disposition.RETRY):
            self._outbox.set_hold(str(answer))
            self._unavailable.set()
            if not self._on_hold:
                self._on_hold = True
                self._on_event(Held(answer))
            return
        self._unavailable.clear()
        if self._on_hold:
            self._on_hold = False
            self._outbox.set_hold(None)
            self._on_event(Resumed())


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None, "called from a worker"
    return task
