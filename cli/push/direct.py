"""Requests straight to the gate: what it refuses is named, and what it can't take now, too."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from cli.push.json_input import InvalidInput
from cli.push.limits import GIVE_UP_UNREACHED_SECONDS
from cli.push.producer import INTERRUPTED, Producer
from cli.push.progress import Progress, ProgressState, shown
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushRequest
from pushgate_client import PUSH, Answer, Entry, Fault, GaveUp
from pushgate_client.clock import ClientSystemClock
from pushgate_client.limits import CONNECTIONS, GIVE_UP_SECONDS
from pushgate_client.sending.answers import Disposition, disposition_of
from pushgate_client.sending.deliverer import Deliverer, DeliveryPolicy
from pushgate_client.sending.sender import Sender
from pushgate_client.tokens import TokenSource


@dataclass(frozen=True, kw_only=True)
class DirectPush:
    """``url`` is ingest's address, without a path.

    A request is tried for ``give_up_seconds``, for ``GIVE_UP_UNREACHED_SECONDS`` at most while the
    gate was never reached. ``notice`` is told, once, when a wait begins.
    """

    url: str
    token: TokenSource
    connections: int = CONNECTIONS
    give_up_seconds: float = GIVE_UP_SECONDS
    notice: Callable[[str], None] = lambda _: None


async def send_all(
    gate: DirectPush,
    items: Iterator[PushRequest | InvalidInput],
    *,
    counts_rest: bool,
    progress: Progress | None = None,
) -> Report:
    """Sends until the items end or going on makes no sense; the report names what is not in.

    When it is cancelled it ends too, with a report: what was under way is unknown then.
    ``counts_rest``: after an early end, read on to count what is left; not for a stream that
    somebody may still be writing.
    """
    sending = _DirectSending(gate, items)
    async with shown(progress, sending.standing):
        return await sending.all(counts_rest=counts_rest)


class _DirectSending:
    def __init__(self, gate: DirectPush, items: Iterator[PushRequest | InvalidInput]) -> None:
        self.report = Report()
        self._gate = gate
        self._feed = Producer(items, self.report)
        self._sender = Sender(gate.url, connections=gate.connections)
        self._courier = Deliverer(
            self._sender,
            gate.token,
            clock=ClientSystemClock(),
            policy=DeliveryPolicy(
                waits_for_token=False,
                give_up_seconds=gate.give_up_seconds,
                give_up_unreached_seconds=GIVE_UP_UNREACHED_SECONDS,
            ),
            on_answer=self._say_once,
        )
        self._said = False

    def standing(self) -> ProgressState:
        return ProgressState(read=self._feed.records, accepted=self.report.accepted)

    async def all(self, *, counts_rest: bool) -> Report:
        await self._sender.open()
        try:
            await self._feed.to(self._put, at_once=self._gate.connections)
        except asyncio.CancelledError:
            self.report.interrupted = True
            self._feed.end(INTERRUPTED)
        finally:
            await self._sender.close()
        # Who interrupts it does not want to wait until a long file is read.
        counts_rest = counts_rest and not self.report.interrupted
        await self._feed.name_the_rest(counts_rest=counts_rest)
        self.report.requests = self._courier.requests
        return self.report

    async def _put(self, request: PushRequest) -> None:
        # Neither orders what is sent at once: tables and time are for outboxes.
        entry = Entry(PUSH, (), request.body, request.records, created=0)
        try:
            faults = await self._courier.deliver(entry)
        except GaveUp as gave_up:
            # Of its halves some may be in.
            in_part = gave_up.part.records < request.records
            self._add(request, gave_up.answer, unknown=in_part)
            self._end_at(request.first)
        except asyncio.CancelledError:
            self._add(request, Answer(None, INTERRUPTED), unknown=True)
            raise
        else:
            self._settle(request, faults)

    def _settle(self, request: PushRequest, faults: list[Fault]) -> None:
        accepted = request.records - sum(fault.records for fault in faults)
        self.report.accept(records=accepted, size=len(request.body))
        for fault in faults:
            part = request.part(fault.place, fault.records)
            self._add(part, fault.answer)
            if _is_hopeless(fault.answer):
                self._end_at(part.first)

    def _end_at(self, number: int) -> None:
        self._feed.end(f"the push ended at record {number:,}")

    def _add(self, request: PushRequest, answer: Answer, *, unknown: bool = False) -> None:
        unknown = unknown or answer.may_be_in
        outcome = PushOutcome.UNKNOWN if unknown else PushOutcome.REFUSED
        self.report.add(outcome, request, reason=answer.quoted, status=answer.status)

    def _say_once(self, course: Disposition, answer: Answer) -> None:
        if course is Disposition.RETRY and not self._said:
            self._said = True
            seconds = self._courier.give_up_seconds
            self._gate.notice(f"{answer}; trying again for up to {seconds:g} s")


def _is_hopeless(answer: Answer) -> bool:
    """Every further request of the same push would be answered the same."""
    if answer.status in {None, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}:
        return True
    return disposition_of(answer, PUSH) in {Disposition.HOLD, Disposition.REREAD_TOKEN}
