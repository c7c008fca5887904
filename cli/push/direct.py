"""Push without an outbox: send requests straight to the gate and report what is not stored."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from cli.push.limits import GIVE_UP_UNREACHED_SECONDS
from cli.push.producer import INTERRUPTED, Item, Producer
from cli.push.progress import Progress, ProgressState, shown
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushRequest
from pushgate_client import PUSH, Answer, Entry, Fault, GaveUp
from pushgate_client.answers import Disposition, disposition_of
from pushgate_client.direct_sink import DirectSink
from pushgate_client.limits import CONNECTIONS, GIVE_UP_SECONDS
from pushgate_client.tokens import TokenSource


@dataclass(frozen=True, kw_only=True)
class DirectPush:
    """``url`` is that of ingest, without a path. ``notice`` is called once, when a wait begins.

    A request is retried for ``give_up_seconds``, for ``GIVE_UP_UNREACHED_SECONDS`` at most while
    the gate was never reached.
    """

    url: str
    token: TokenSource
    connections: int = CONNECTIONS
    give_up_seconds: float = GIVE_UP_SECONDS
    notice: Callable[[str], None] = lambda _: None


async def push_directly(
    push: DirectPush,
    items: Iterator[Item],
    *,
    counts_rest: bool,
    progress: Progress | None = None,
) -> Report:
    """Sends until the items end or going on makes no sense; the report names what is not stored.

    Cancelled, it still returns a report: the outcome of requests under way is unknown then.
    ``counts_rest``: after an early end, read on to count what is left; not for a stream that may
    still be written to.
    """
    sending = _DirectSending(push, items)
    async with shown(progress, sending.state):
        return await sending.run(counts_rest=counts_rest)


class _DirectSending:
    def __init__(self, push: DirectPush, items: Iterator[Item]) -> None:
        self._push = push
        self._report = Report()
        self._producer = Producer(items, self._report)
        self._sink = DirectSink(
            push.url,
            push.token,
            connections=push.connections,
            give_up_seconds=push.give_up_seconds,
            give_up_unreached_seconds=GIVE_UP_UNREACHED_SECONDS,
            on_answer=self._notice_retries,
        )
        self._noticed = False

    def state(self) -> ProgressState:
        return ProgressState(read=self._producer.records, accepted=self._report.accepted)

    async def run(self, *, counts_rest: bool) -> Report:
        async with self._sink:
            try:
                await self._producer.run(self._send, connections=self._push.connections)
            except asyncio.CancelledError:
                self._report.interrupted = True
                self._producer.end(INTERRUPTED)
        # Whoever interrupts a push does not want to wait until a long file is read.
        await self._producer.report_unread(count=counts_rest and not self._report.interrupted)
        self._report.requests = self._sink.requests
        return self._report

    async def _send(self, request: PushRequest) -> None:
        # Requests under way at once are not ordered: tables and times are for outboxes.
        entry = Entry(PUSH, (), request.body, len(request.numbers), created=0)
        try:
            faults = await self._sink.send(entry)
        except GaveUp as gave_up:
            # If the request was split, a part of it may be stored.
            is_split = gave_up.part.records < entry.records
            self._add(request.numbers, gave_up.answer, unknown=is_split)
            self._end_at(request.numbers[0])
        except asyncio.CancelledError:
            self._add(request.numbers, Answer(None, INTERRUPTED), unknown=True)
            raise
        else:
            self._settle(request, faults)

    def _settle(self, request: PushRequest, faults: list[Fault]) -> None:
        refused = sum(fault.records for fault in faults)
        self._report.accept(records=len(request.numbers) - refused, size=len(request.body))
        for fault in faults:
            numbers = request.numbers[fault.place : fault.place + fault.records]
            self._add(numbers, fault.answer)
            if _is_hopeless(fault.answer):
                self._end_at(numbers[0])

    def _end_at(self, number: int) -> None:
        self._producer.end(f"the push ended at record {number:,}")

    def _add(self, numbers: Sequence[int], answer: Answer, *, unknown: bool = False) -> None:
        unknown = unknown or answer.may_be_in
        outcome = PushOutcome.UNKNOWN if unknown else PushOutcome.REFUSED
        self._report.add(outcome, numbers, reason=answer.quoted, status=answer.status)

    def _notice_retries(self, disposition: Disposition, answer: Answer) -> None:
        if disposition is Disposition.RETRY and not self._noticed:
            self._noticed = True
            seconds = self._sink.give_up_seconds
            self._push.notice(f"{answer}; retrying for up to {seconds:g} s")


def _is_hopeless(answer: Answer) -> bool:
    """Every further request of the same push would get the same answer."""
    if answer.status in {None, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}:
        return True
    return disposition_of(answer, PUSH) in {Disposition.HOLD, Disposition.REREAD_TOKEN}
