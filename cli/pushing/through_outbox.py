"""Requests into an outbox, and from there to the gate: what is not in yet stays on disk."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cli.pushing.records import Unusable
from cli.pushing.report import Outcome, Problem, Report, shortened
from cli.pushing.requests import Request
from cli.pushing.set_aside import sequences_of
from pushgate_client import PUSH, Delivery, Entry, Happening, Outbox, Sent, WasSetAside
from pushgate_client.pipeline import Pipeline
from pushgate_client.tokens import TokenSource
from services.runtime.clock import Clock

# As many are promised to one push: more records than that no file has.
SEQUENCES = 1_000_000_000
# Without any progress for so long, what waits is left in the outbox.
LINGER_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Way:
    """``linger_seconds``: how long a gate that takes nothing is waited for at the end."""

    url: str
    token: TokenSource
    directory: Path
    connections: int
    table: str
    linger_seconds: float = LINGER_SECONDS
    notice: Callable[[str], None] = lambda _: None


# Made once the first sequence is known.
Items = Callable[[int], Iterator[Request | Unusable]]


async def send_through(way: Way, items: Items, *, clock: Clock) -> Report:
    """Raises OutboxLocked while another process has the outbox."""
    sending = _Sending(way, clock)
    async with Outbox.open(way.directory, said=way.notice) as outbox:
        delivery = Delivery(
            outbox,
            url=way.url,
            token=way.token,
            connections=way.connections,
            happened=sending.happened,
        )
        async with delivery:
            sending.first_sequence = await outbox.next_sequences(SEQUENCES)
            await sending.put_in(outbox, items(sending.first_sequence))
            await linger(delivery, lambda: sending.settled, way.linger_seconds)
            sending.name_what_waits(outbox.counts().why)
            # Those of halves too.
            sending.report.requests = delivery.requests
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


class _Kept(NamedTuple):
    """Of a request in the outbox: all but its body, which is on disk, where there is room."""

    first: int
    last: int
    records: int
    size: int


class _Sending:
    def __init__(self, way: Way, clock: Clock) -> None:
        self.report = Report()
        self.first_sequence = 0
        self.settled = 0
        self._way = way
        self._clock = clock
        self._requests: dict[int, _Kept] = {}

    async def put_in(self, outbox: Outbox, items: Iterator[Request | Unusable]) -> None:
        """Several at once, so that they share a flush to disk."""
        async with Pipeline(self._way.connections) as pipeline:
            while (item := await asyncio.to_thread(next, items, None)) is not None:
                if isinstance(item, Unusable):
                    self._add(Outcome.UNUSABLE, item.number, item.reason)
                else:
                    await pipeline.add(self._put(outbox, item))
            await pipeline.finished()

    async def _put(self, outbox: Outbox, request: Request) -> int:
        entry = Entry(
            endpoint=PUSH,
            tables=(self._way.table,),
            body=request.body,
            records=request.records,
            created=int(self._clock.now().timestamp() * 1e9),
            # Sequences decide which record wins, whatever comes first.
            in_order=False,
        )
        id_ = await outbox.append(entry)
        kept = _Kept(request.first, request.last, request.records, len(request.body))
        self._requests[id_] = kept
        return id_

    def happened(self, happening: Happening) -> None:
        """Of entries that were there before the report says nothing; they are sent all the same."""
        match happening:
            case Sent(id_, records):
                self.settled += 1
                request = self._requests.pop(id_, None)
                if request is not None:
                    self.report.accept(records=records, size=request.size)
            case WasSetAside(id_, part, answer) if id_ in self._requests:
                self._set_aside(self._requests[id_], part, answer.status, answer.text)
            case _:
                pass

    def _set_aside(self, request: _Kept, part: Entry, status: int | None, text: str) -> None:
        """A part keeps its sequences, and they count the records of the file."""
        first, last = request.first, request.last
        sequences = sequences_of(part)
        if sequences and all(first <= each - self.first_sequence + 1 <= last for each in sequences):
            first = min(sequences) - self.first_sequence + 1
            last = max(sequences) - self.first_sequence + 1
        self.report.problems.append(
            Problem(
                outcome=Outcome.SET_ASIDE,
                first=first,
                last=last,
                records=part.records,
                reason=shortened(text),
                status=status,
            )
        )

    def name_what_waits(self, why: str | None) -> None:
        for request in self._requests.values():
            self.report.problems.append(
                Problem(
                    outcome=Outcome.HELD,
                    first=request.first,
                    last=request.last,
                    records=request.records,
                    reason=why or "the gate has not answered yet",
                )
            )

    def _add(self, outcome: Outcome, number: int, reason: str) -> None:
        self.report.problems.append(
            Problem(outcome=outcome, first=number, last=number, records=1, reason=reason)
        )
