"""Reading a request body: limited in bytes and in time, and cut short when the program stops."""

import asyncio

from aiohttp import StreamReader, web

from protocol.refusals.edge import BodyTooLarge, BodyTooSlow, MalformedBody, ServiceUnavailable
from services.receiving.memory_budget import Reservation

# A body must arrive at this average rate, after an initial allowance that any connection meets.
BODY_START_SECONDS = 10.0
BODY_BYTES_PER_SECOND_MIN = 10_000


class BodyReader:
    """Reads the bodies of a program's requests and knows which of them are still arriving."""

    def __init__(self, *, body_bytes_max: int, start_seconds: float = BODY_START_SECONDS) -> None:
        self.stopping = False
        self.body_bytes_max = body_bytes_max
        self._start_seconds = start_seconds
        self._deadlines: set[asyncio.Timeout] = set()

    def stop(self, grace_seconds: float) -> None:
        """Bodies that have not arrived ``grace_seconds`` from now are refused with 503."""
        self.stopping = True
        end = asyncio.get_running_loop().time() + grace_seconds
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(min(end, deadline.when() or end))

    @staticmethod
    def read_if_complete(
        payload: StreamReader, reservation: Reservation, *, content_length: int | None
    ) -> bytes | None:
        """The body if it arrived with the headers, as most do; None: await ``read`` instead.

        Raises ServiceUnavailable if the memory budget is exhausted.
        """
        if content_length is None or not payload.is_eof():
            return None
        reservation.reserve(content_length)
        return payload.read_nowait()

    async def read(
        self, payload: StreamReader, reservation: Reservation, *, content_length: int | None
    ) -> bytes:
        """The whole body. Reserves ``content_length`` before it reads, or else chunk by chunk.

        Raises BodyTooLarge, BodyTooSlow, MalformedBody, ServiceUnavailable.
        """
        if content_length is not None:
            reservation.reserve(content_length)
        chunks = []
        size = 0
        started = asyncio.get_running_loop().time()
        deadline = asyncio.timeout(self._start_seconds)
        try:
            async with deadline:
                self._deadlines.add(deadline)
                while chunk := await payload.readany():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > self.body_bytes_max:
                        raise BodyTooLarge(size)
                    if content_length is None:
                        reservation.reserve(len(chunk))
                    if not (self.stopping or deadline.expired()):
                        allowed = self._start_seconds + size / BODY_BYTES_PER_SECOND_MIN
                        deadline.reschedule(started + allowed)
        except TimeoutError:
            raise (ServiceUnavailable() if self.stopping else BodyTooSlow()) from None
        except web.RequestPayloadError:
            raise MalformedBody("the body's chunked coding is broken") from None
        finally:
            self._deadlines.discard(deadline)
        return b"".join(chunks)
