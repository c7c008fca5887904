"""Reading a body: bounded in bytes and in time, and cut short when the program stops."""

import asyncio

from aiohttp import StreamReader, web

from protocol.refusals.edge import BodyTooLarge, BodyTooSlow, MalformedBody
from services.receiving.memory_budget import Held, unavailable

# A body must arrive at this rate on the whole, after a start that any line manages.
BODY_START_SECONDS = 10.0
BODY_BYTES_PER_SECOND_MIN = 10_000


class Readings:
    """The bodies that are arriving now."""

    def __init__(self, *, body_bytes_max: int, start_seconds: float = BODY_START_SECONDS) -> None:
        self.stopping = False
        self.body_bytes_max = body_bytes_max
        self._start_seconds = start_seconds
        self._patience: set[asyncio.Timeout] = set()

    def stop(self, grace_seconds: float) -> None:
        """Bodies that have not arrived ``grace_seconds`` from now are refused with 503."""
        self.stopping = True
        end = asyncio.get_running_loop().time() + grace_seconds
        for patience in self._patience:
            if not patience.expired():
                patience.reschedule(min(end, patience.when() or end))

    @staticmethod
    def arrived(payload: StreamReader, held: Held, *, announced: int | None) -> bytes | None:
        """The body, if it has come together with its headers as most do; else None, and ``read``.

        Raises ServiceUnavailable.
        """
        if announced is None or not payload.is_eof():
            return None
        held.take(announced)
        return payload.read_nowait()

    async def read(self, payload: StreamReader, held: Held, *, announced: int | None) -> bytes:
        """The whole body; its bytes are taken from ``held``, the announced ones at once.

        Raises BodyTooLarge, BodyTooSlow, MalformedBody, ServiceUnavailable.
        """
        if announced is not None:
            held.take(announced)
        chunks = []
        size = 0
        began = asyncio.get_running_loop().time()
        patience = asyncio.timeout(self._start_seconds)
        try:
            async with patience:
                self._patience.add(patience)
                while chunk := await payload.readany():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > self.body_bytes_max:
                        raise BodyTooLarge(size)
                    if announced is None:
                        held.take(len(chunk))
                    if not (self.stopping or patience.expired()):
                        allowed = self._start_seconds + size / BODY_BYTES_PER_SECOND_MIN
                        patience.reschedule(began + allowed)
        except TimeoutError:
            raise (unavailable() if self.stopping else BodyTooSlow()) from None
        except web.RequestPayloadError:
            raise MalformedBody("the body's chunked coding is broken") from None
        finally:
            self._patience.discard(patience)
        return b"".join(chunks)
