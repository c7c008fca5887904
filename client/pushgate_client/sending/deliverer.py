"""Brings one entry to the gate: does what each answer asks, until all of it is in or at fault."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from pushgate_client.clock import ClientClock
from pushgate_client.entries import BATCH, Entry
from pushgate_client.errors import GaveUp, TokenUnreadable
from pushgate_client.limits import (
    ASIDE_PARTS_BYTES,
    BODY_BYTES_MAX,
    PAUSE_SECONDS,
    PAUSE_SECONDS_MAX,
    RETRY_AFTER_SECONDS_MAX,
)
from pushgate_client.sending.answers import (
    Answer,
    Disposition,
    Fault,
    disposition_of,
    merge_answers,
    reasons_for_all,
)
from pushgate_client.sending.sender import Sender
from pushgate_client.sending.splitting import each_record, halves, joined
from pushgate_client.sending.token_gate import TokenGate
from pushgate_client.tokens import CheckedTokenSource, TokenSource

Parts = TypeVar("Parts")

_RANDOM = random.SystemRandom()
# A body larger than this is taken apart in a thread.
_THREAD_BYTES = 100_000


@dataclass(frozen=True)
class DeliveryPolicy:
    """``holds``: a token that does not work is waited out; else the second no is the last.

    ``seconds`` None: the same bytes are sent again for ever. ``unreached_seconds`` instead while
    no answer has come to anything: such a gate is rather not there than restarting.
    """

    waits_for_token: bool = True
    give_up_seconds: float | None = None
    give_up_unreached_seconds: float | None = None


class Deliverer:
    """``said`` hears of every answer what it asks for."""

    def __init__(
        self,
        sender: Sender,
        token: TokenSource,
        *,
        clock: ClientClock,
        policy: DeliveryPolicy = DeliveryPolicy(),
        on_answer: Callable[[Disposition, Answer], None] = lambda _course, _answer: None,
    ) -> None:
        self.requests = 0
        self.reached = False
        self._token = CheckedTokenSource(token)
        self.token_gate = TokenGate(self._token, clock)
        self._sender = sender
        self._clock = clock
        self._policy = policy
        self._on_answer = on_answer

    @property
    def give_up_seconds(self) -> float | None:
        """How long one request is tried, as it looks now; None: for ever."""
        most, unreached = self._policy.give_up_seconds, self._policy.give_up_unreached_seconds
        if most is None or unreached is None or self.reached:
            return most
        return min(most, unreached)

    async def deliver(self, entry: Entry, *, place: int = 0) -> list[Fault]:
        """What can't be taken, each part with its answer; everything else is in when it returns.

        ``place`` is added to that of each fault. Raises GaveUp.
        """
        answer, disposition = await self._final_answer(entry)
        return (
            []
            if disposition is Disposition.DONE
            else await self._split(entry, answer, disposition, place)
        )

    async def _split(
        self, entry: Entry, answer: Answer, disposition: Disposition, place: int
    ) -> list[Fault]:
        """It was refused as a whole, with this answer."""
        if disposition not in (Disposition.SPLIT, Disposition.SPLIT_TOO_LARGE):
            return [Fault(entry, answer, place)]
        singles = (
            await self._singles(entry, answer, place) if disposition is Disposition.SPLIT else None
        )
        if singles is not None:
            return singles
        two = await _split_in_thread(halves, entry)
        if two is None:
            return [Fault(entry, answer, place)]
        first, second = two
        faults = await self.deliver(first, place=place)
        place += first.records
        if not faults and disposition is Disposition.SPLIT and second.records > 1:
            # Then the fault is in the second half: it would be refused as the whole was.
            return await self._split(second, answer, disposition, place)
        return await _join_large_faults(entry, faults + await self.deliver(second, place=place))

    async def _singles(self, entry: Entry, answer: Answer, place: int) -> list[Fault] | None:
        """When the answer has a reason for every single record, asking for each adds nothing."""
        reasons = reasons_for_all(answer, entry.records)
        if reasons is None or entry.records == 1:
            return None
        if entry.endpoint == BATCH and len(entry.body) * entry.records > BODY_BYTES_MAX:
            # Each would hold the schema: they are looked for instead, and few are held at once.
            return None
        singles = await _split_in_thread(each_record, entry)
        if singles is None or len(singles) != len(reasons):
            return None
        return [
            Fault(single, replace(answer, text=reason), at)
            for at, (single, reason) in enumerate(zip(singles, reasons, strict=True), start=place)
        ]

    async def _final_answer(self, entry: Entry) -> tuple[Answer, Disposition]:
        """Sends the same bytes until the answer is one that sending again would not change."""
        began, pause = self._clock.monotonic(), PAUSE_SECONDS
        me, doubted, lost = object(), False, False
        try:
            while True:
                await self.token_gate.admitted(me)
                token, answer, disposition = await self._send(entry)
                lost = lost or answer.may_be_in
                answer = replace(answer, lost=lost)
                if disposition is Disposition.HOLD and not self._policy.waits_for_token:
                    disposition = Disposition.REREAD_TOKEN
                if disposition is Disposition.HOLD:
                    self._on_answer(disposition, answer)
                    await self.token_gate.begin(me, token)
                    continue
                self.token_gate.end(me)
                if disposition is Disposition.REREAD_TOKEN and not doubted:
                    doubted = True
                    continue
                if disposition is not Disposition.RETRY:
                    self.token_gate.works()
                    self._on_answer(disposition, answer)
                    return answer, disposition
                self._on_answer(disposition, answer)
                await self._pause(entry, answer, pause, since=began)
                pause = min(pause * 2, PAUSE_SECONDS_MAX)
        finally:
            self.token_gate.end(me)

    async def _send(self, entry: Entry) -> tuple[str, Answer, Disposition]:
        try:
            token = await self._token.read()
        except TokenUnreadable as error:
            return "", Answer(None, str(error)), Disposition.HOLD
        self.requests += 1
        answer = await self._sender.send(entry, token)
        self.reached = self.reached or answer.status is not None
        return token, answer, disposition_of(answer, entry.endpoint)

    async def _pause(self, entry: Entry, answer: Answer, pause: float, *, since: float) -> None:
        asked_for = min(answer.retry_after_seconds, RETRY_AFTER_SECONDS_MAX)
        wait = max(asked_for, _RANDOM.uniform(pause / 2, pause))
        most = self.give_up_seconds
        if most is not None and self._clock.monotonic() + wait - since > most:
            raise GaveUp(most, answer, entry)
        await asyncio.sleep(wait)


async def _join_large_faults(entry: Entry, faults: list[Fault]) -> list[Fault]:
    """These, or one for all of them where the schema in each would take too much room."""
    size = sum(len(fault.part.body) for fault in faults)
    if entry.endpoint != BATCH or size <= max(ASIDE_PARTS_BYTES, 2 * len(entry.body)):
        return faults
    one = await asyncio.to_thread(joined, [fault.part for fault in faults])
    if one is None:
        return faults
    return [Fault(one, merge_answers([fault.answer for fault in faults]), faults[0].place)]


async def _split_in_thread(split: Callable[[Entry], Parts], entry: Entry) -> Parts:
    if len(entry.body) > _THREAD_BYTES:
        return await asyncio.to_thread(split, entry)
    return split(entry)
