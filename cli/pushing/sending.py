"""Sends request bodies to the gate: several at once, the same bytes again after a 503."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp

from cli.pushing.limits import (
    CONNECTIONS,
    GIVE_UP_SECONDS,
    GIVE_UP_UNREACHED_SECONDS,
    PAUSE_SECONDS,
    PAUSE_SECONDS_MAX,
    REQUEST_SECONDS_MAX,
)
from cli.pushing.records import Unusable
from cli.pushing.report import Outcome, Problem, Report, shortened
from cli.pushing.requests import Request
from services.runtime.clock import Clock
from services.runtime.config import Secret

PUSH_PATH = "/v2/import/push"
ACCEPTED = frozenset({200, 201, 202})
RETRIED = frozenset({500, 502, 503, 504})
# Every further request of the same push would be answered the same.
HOPELESS = frozenset({401, 403, 404, 405, 415})
# Between us and the gate stands a proxy, and what lies behind it may have taken the request.
_FROM_A_PROXY = frozenset({502, 504})
INTERRUPTED = "the push was interrupted"
_RANDOM = secrets.SystemRandom()


@dataclass(frozen=True, kw_only=True)
class Gate:
    """``url`` is ingest's address, without a path.

    A request is tried for ``give_up_seconds``, for ``GIVE_UP_UNREACHED_SECONDS`` at most when the
    gate was never reached. ``notice`` is told, once, when a wait begins.
    """

    url: str
    token: Secret
    connections: int = CONNECTIONS
    give_up_seconds: float = GIVE_UP_SECONDS
    notice: Callable[[str], None] = lambda _: None


class Answer(NamedTuple):
    """``status`` is None when no answer came. ``maybe_taken``: an attempt may have got through."""

    status: int | None
    text: str
    maybe_taken: bool = False
    retry_after_seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        return self.status in ACCEPTED

    @property
    def worth_another_try(self) -> bool:
        return self.status is None or self.status in RETRIED

    @property
    def ends_the_push(self) -> bool:
        return self.worth_another_try or self.status in HOPELESS


async def send_all(
    gate: Gate, items: Iterator[Request | Unusable], *, clock: Clock, counts_rest: bool
) -> Report:
    """Sends until the items end or going on makes no sense; the report names what is not in.

    When it is cancelled it ends too, with a report: what was under way is unknown then.
    ``counts_rest``: after an early end, read on to count what is left; not for a stream that
    somebody may still be writing.
    """
    sending = _Sending(gate, items, clock)
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX)
    ) as session:
        try:
            await asyncio.gather(*(sending.work(session) for _ in range(gate.connections)))
        except asyncio.CancelledError:
            sending.end(INTERRUPTED)
    if sending.ended_by is not None:
        await sending.name_the_rest(counts_rest=counts_rest)
    return sending.report


class _Sending:
    def __init__(self, gate: Gate, items: Iterator[Request | Unusable], clock: Clock) -> None:
        self.report = Report()
        self.ended_by: str | None = None
        self._ended = asyncio.Event()
        self._gate = gate
        self._items = items
        self._clock = clock
        self._turn = asyncio.Lock()
        self._reading: asyncio.Task[Request | Unusable | None] | None = None
        self._last_number = 0
        self._read_whole = False
        self._reached = False
        self._said = False

    def end(self, why: str) -> None:
        self.ended_by = why
        self._ended.set()

    async def work(self, session: aiohttp.ClientSession) -> None:
        while (item := await self._next()) is not None:
            if isinstance(item, Unusable):
                self._add_unusable(item)
            else:
                self._add(item, await self._send_or_be_interrupted(session, item))
            if self.report.is_full:
                self.end("too much went wrong before")

    async def name_the_rest(self, *, counts_rest: bool) -> None:
        assert self.ended_by is not None, "something ended it"
        if self._read_whole:
            return
        first, last, records = self._last_number + 1, None, None
        if counts_rest:
            records = 0
            while (item := self._taken(await self._read())) is not None:
                records += 1 if isinstance(item, Unusable) else item.records
            last = self._last_number
        self.report.still_reading = self._reading is not None and not self._reading.done()
        if records == 0:
            return
        self.report.problems.append(
            Problem(
                outcome=Outcome.UNSENT,
                first=first,
                last=last,
                records=records,
                reason=self.ended_by,
            )
        )

    async def _next(self) -> Request | Unusable | None:
        """None when there is nothing more to send; what was being read then stays to be read."""
        async with self._turn:
            if self._ended.is_set():
                return None
            ended = asyncio.create_task(self._ended.wait())
            await asyncio.wait({self._read(), ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            return None if self._ended.is_set() else self._taken(await self._read())

    def _read(self) -> asyncio.Task[Request | Unusable | None]:
        """In a thread: a pipe may keep us waiting while answers come in."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(next, self._items, None))
        return self._reading

    def _taken(self, item: Request | Unusable | None) -> Request | Unusable | None:
        self._reading = None
        if item is not None:
            self._last_number = item.number if isinstance(item, Unusable) else item.last
            self._read_whole = item.ends
        return item

    def _add_unusable(self, item: Unusable) -> None:
        self.report.problems.append(
            Problem(
                outcome=Outcome.UNUSABLE,
                first=item.number,
                last=None if item.ends else item.number,
                records=None if item.ends else 1,
                reason=item.reason,
            )
        )

    def _add(self, request: Request, answer: Answer) -> None:
        if answer.accepted:
            self.report.accept(records=request.records, size=len(request.body))
            return
        unknown = answer.maybe_taken or answer.status in _FROM_A_PROXY
        self.report.problems.append(
            Problem(
                outcome=Outcome.UNKNOWN if unknown else Outcome.REFUSED,
                first=request.first,
                last=request.last,
                records=request.records,
                reason=shortened(answer.text),
                status=answer.status,
            )
        )
        if answer.ends_the_push:
            self.end(f"the push ended at record {request.first:,}")

    async def _send_or_be_interrupted(
        self, session: aiohttp.ClientSession, request: Request
    ) -> Answer:
        try:
            return await self._send(session, request)
        except asyncio.CancelledError:
            self._add(request, Answer(None, INTERRUPTED, maybe_taken=True))
            raise

    async def _send(self, session: aiohttp.ClientSession, request: Request) -> Answer:
        """Tries until the gate decides, or ``give_up_seconds`` have passed."""
        began = self._clock.monotonic()
        pause, maybe_taken = PAUSE_SECONDS, False
        while True:
            answer = await self._try(session, request)
            maybe_taken = maybe_taken or answer.maybe_taken
            # A random pause, so that those who were turned away together don't return together.
            wait = max(answer.retry_after_seconds, _RANDOM.uniform(pause / 2, pause))
            waited = self._clock.monotonic() + wait - began
            if not answer.worth_another_try or waited > self._patience_seconds:
                return answer._replace(maybe_taken=maybe_taken)
            self._say_once(answer)
            await asyncio.sleep(wait)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    @property
    def _patience_seconds(self) -> float:
        most = self._gate.give_up_seconds
        return most if self._reached else min(most, GIVE_UP_UNREACHED_SECONDS)

    def _say_once(self, answer: Answer) -> None:
        if not self._said:
            self._said = True
            status = f"{answer.status}: " if answer.status else ""
            self._gate.notice(
                f"{status}{shortened(answer.text)}; trying again for up to"
                f" {self._patience_seconds:g} s"
            )

    async def _try(self, session: aiohttp.ClientSession, request: Request) -> Answer:
        headers = {
            "Authorization": f"Bearer {self._gate.token.reveal()}",
            "Content-Type": "application/json",
        }
        try:
            async with session.post(
                self._gate.url + PUSH_PATH, data=request.body, headers=headers
            ) as response:
                self._reached = True
                text = await response.text(errors="replace")
                seconds = response.headers.get("Retry-After", "")
                return Answer(
                    response.status,
                    text,
                    retry_after_seconds=float(seconds) if seconds.isdecimal() else 0.0,
                )
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error.os_error
            return Answer(None, f"{self._gate.url} can't be reached: {reason}")
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(None, f"no answer came: {type(error).__name__}", maybe_taken=True)
