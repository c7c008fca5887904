"""Deliver one entry: retry, split or hold it until every record is stored or refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from pushgate_client.answers import (
    Answer,
    Disposition,
    Fault,
    disposition_of,
    merge_answers,
    reasons_for_all,
)
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
from pushgate_client.sending.sender import Sender
from pushgate_client.sending.splitting import each_record, halves, joined
from pushgate_client.sending.token_gate import Attempt, TokenGate
from pushgate_client.tokens import CheckedTokenSource, TokenSource

Parts = TypeVar("Parts")

_RANDOM = random.SystemRandom()
# A body larger than this is split in a thread.
_THREAD_BYTES = 100_000


@dataclass(frozen=True)
class DeliveryPolicy:
    """How long a request is retried.

    ``waits_for_token``: a token that does not work is waited for; otherwise its second refusal is
    final. ``give_up_seconds`` None: the same bytes are retried without limit.
    ``give_up_unreached_seconds`` applies instead while no answer has ever arrived: such a gate is
    more likely absent than restarting.
    """

    waits_for_token: bool = True
    give_up_seconds: float | None = None
    give_up_unreached_seconds: float | None = None


@dataclass
class _Retries:
    """What is remembered between the attempts of one request."""

    started: float
    pause: float = PAUSE_SECONDS
    token_reread: bool = False
    outcome_unknown: bool = False


class Deliverer:
    """Sends entries and acts on the answers. ``on_answer`` is called with each answer that counts.

    Not called for a refused token that is about to be read again.
    """

    def __init__(
        self,
        sender: Sender,
        token: TokenSource,
        *,
        clock: ClientClock,
        policy: DeliveryPolicy = DeliveryPolicy(),
        on_answer: Callable[[Disposition, Answer], None] = lambda _disposition, _answer: None,
    ) -> None:
        self.requests = 0
        self.reached = False
        self._token = CheckedTokenSource(token)
        self._token_gate = TokenGate(self._token, clock)
        self._sender = sender
        self._clock = clock
        self._policy = policy
        self._on_answer = on_answer

    @property
    def give_up_seconds(self) -> float | None:
        """How long a request is retried, as things are now; None: without limit."""
        limit, unreached = self._policy.give_up_seconds, self._policy.give_up_unreached_seconds
        if limit is None or unreached is None or self.reached:
            return limit
        return min(limit, unreached)

    async def deliver(self, entry: Entry, *, place: int = 0) -> list[Fault]:
        """Returns the parts that were refused, each with its answer; the rest is stored.

        ``place`` is added to the place of each fault. Raises GaveUp.
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
        """Finds the faulty records of a request that was refused as a whole, with this answer."""
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
            # The fault must be in the second half, which would be refused as the whole was.
            return await self._split(second, answer, disposition, place)
        return await _join_large_faults(entry, faults + await self.deliver(second, place=place))

    async def _singles(self, entry: Entry, answer: Answer, place: int) -> list[Fault] | None:
        """Where the answer gives a reason for every record, so that none need be sent again."""
        reasons = reasons_for_all(answer, entry.records)
        if reasons is None or entry.records == 1:
            return None
        if entry.endpoint == BATCH and len(entry.body) * entry.records > BODY_BYTES_MAX:
            # Each would hold the schema. They are searched for by halves instead: few at a time.
            return None
        singles = await _split_in_thread(each_record, entry)
        if singles is None or len(singles) != len(reasons):
            return None
        return [
            Fault(single, replace(answer, text=reason), at)
            for at, (single, reason) in enumerate(zip(singles, reasons, strict=True), start=place)
        ]

    async def _final_answer(self, entry: Entry) -> tuple[Answer, Disposition]:
        """Sends the same bytes until the answer is one that a retry would not change."""
        retries = _Retries(started=self._clock.monotonic())
        while True:
            _, answer, disposition = await self._token_gate.run(
                lambda: self._attempt(entry, retries)
            )
            if disposition is Disposition.REREAD_TOKEN and not retries.token_reread:
                retries.token_reread = True
                continue
            self._on_answer(disposition, answer)
            if disposition is not Disposition.RETRY:
                self._token_gate.reset()
                return answer, disposition
            await self._pause(entry, answer, retries)

    async def _attempt(self, entry: Entry, retries: _Retries) -> Attempt:
        try:
            token = await self._token.read()
        except TokenUnreadable as error:
            token, answer, disposition = "", Answer(None, str(error)), Disposition.HOLD
        else:
            self.requests += 1
            answer = await self._sender.send(entry, token)
            self.reached = self.reached or answer.status is not None
            disposition = disposition_of(answer, entry.endpoint)
        retries.outcome_unknown = retries.outcome_unknown or answer.may_be_in
        answer = replace(answer, lost=retries.outcome_unknown)
        if disposition is Disposition.HOLD:
            if not self._policy.waits_for_token:
                return Attempt(token, answer, Disposition.REREAD_TOKEN)
            self._on_answer(disposition, answer)
        return Attempt(token, answer, disposition)

    async def _pause(self, entry: Entry, answer: Answer, retries: _Retries) -> None:
        asked_for = min(answer.retry_after_seconds, RETRY_AFTER_SECONDS_MAX)
        wait = max(asked_for, _RANDOM.uniform(retries.pause / 2, retries.pause))
        limit = self.give_up_seconds
        if limit is not None and self._clock.monotonic() + wait - retries.started > limit:
            raise GaveUp(limit, answer, entry)
        await asyncio.sleep(wait)
        retries.pause = min(retries.pause * 2, PAUSE_SECONDS_MAX)


async def _join_large_faults(entry: Entry, faults: list[Fault]) -> list[Fault]:
    """One fault for all of them where a schema in each would take too much room."""
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
