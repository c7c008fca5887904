"""The pool of validation workers: large bodies are validated in processes of their own.

Parsing and validating hold the interpreter lock: for half a second for a body of 20 MB, for ten in
the worst case (docs/decisions/0024). Other requests must not wait for that. Small bodies are
validated inline, where the trip to a worker would cost more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process

from protocol.media_types import is_transit
from protocol.refusals.edge import ServiceUnavailable, ValidationTooLong
from services.receiving.check import Job, ValidationResult
from services.receiving.validation_workers.fair_queue import FairQueue, Tenant
from services.receiving.validation_workers.ipc import LENGTHS, frame_head, result_of
from services.runtime.logs import Log

# A body of this size delays other requests by a few milliseconds, by tens in the worst case.
JSON_INLINE_BYTES_MAX = 512 * 1024
# The same for costlier bodies: transit, and decimals that a schema checks exactly (multipleOf).
COSTLY_INLINE_BYTES_MAX = 64 * 1024

# Work of validating against a schema, in the unit of SCHEMA_WORK_MAX: 40 ms.
INLINE_WORK_MAX = 10_000_000

WORKERS_MAX = 2
VALIDATION_SECONDS_MAX = 60.0
# A worker that has grown beyond this is replaced: it never returns memory to the system.
RESIDENT_KILOBYTES_MAX = 256 * 1024
# The buffer of a pipe in this process.
PIPE_BYTES = 1024 * 1024


def validates_inline(endpoint: str, body: bytes, media_type: str) -> bool:
    """Whether the body is small enough to be validated in this process."""
    size = len(body)
    if size <= COSTLY_INLINE_BYTES_MAX:
        return True
    if size > JSON_INLINE_BYTES_MAX or is_transit(media_type):
        return False
    return endpoint != "batch" or b"multipleOf" not in body


class ValidationWorkers:
    """At most WORKERS_MAX processes, started on demand; further jobs wait in a fair queue."""

    def __init__(self, *, validation_seconds_max: float = VALIDATION_SECONDS_MAX) -> None:
        self._validation_seconds_max = validation_seconds_max
        self._queue = FairQueue(WORKERS_MAX)
        self._idle: list[Process] = []

    async def validate(self, job: Job, body: bytes, tenant: Tenant = None) -> ValidationResult:
        """Raises ValidationTooLong, and ServiceUnavailable if the worker did not start or died."""
        async with self._queue.slot(tenant):
            try:
                worker = self._idle.pop() if self._idle else await _start()
            except OSError:
                raise ServiceUnavailable from None
            reusable = False
            try:
                async with asyncio.timeout(self._validation_seconds_max):
                    result, resident_kilobytes = await _run(worker, job, body)
                reusable = resident_kilobytes <= RESIDENT_KILOBYTES_MAX
            except TimeoutError:
                Log().warning("validation_worker.ended", why="it took too long", bytes=len(body))
                raise ValidationTooLong from None
            except (OSError, asyncio.IncompleteReadError):
                Log().warning("validation_worker.ended", why="it died", bytes=len(body))
                raise ServiceUnavailable from None
            finally:
                if reusable:
                    self._idle.append(worker)
                else:
                    await _end(worker)
            return result

    async def close(self) -> None:
        """Ends all workers; call it when no job is running."""
        while self._idle:
            await _end(self._idle.pop())


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.receiving.validation_workers"),
        stdin=PIPE,
        stdout=PIPE,
        # Without the settings: they contain passwords.
        env={name: text for name, text in os.environ.items() if not name.startswith("PUSHGATE_")},
        limit=PIPE_BYTES,
    )


async def _run(worker: Process, job: Job, body: bytes) -> tuple[ValidationResult, int]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    for part in (frame_head(job, body), body):
        worker.stdin.write(part)
        await worker.stdin.drain()
    header_bytes, body_bytes = LENGTHS.unpack(await worker.stdout.readexactly(LENGTHS.size))
    header = json.loads(await worker.stdout.readexactly(header_bytes))
    encoded = await worker.stdout.readexactly(body_bytes)
    return result_of(header, encoded), header["resident_kilobytes"]


async def _end(worker: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()
    await worker.wait()
