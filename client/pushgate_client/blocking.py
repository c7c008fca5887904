"""The client for scripts without ``async``."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from pushgate_client.client import PushClient, Pushed
from pushgate_client.completion import Returned
from pushgate_client.entries import Counts
from pushgate_client.errors import ClientClosed
from pushgate_client.limits import STOP_SECONDS
from pushgate_client.records import AnyRecord


class BlockingPushClient:
    """``with BlockingPushClient(url, token=…, client_id=…, outbox="directory") as client``.

    Takes the arguments of PushClient. A thread of its own sends while the block runs.
    """

    def __init__(self, url: str, **arguments: Any) -> None:
        self._client = PushClient(url, **arguments)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pushgate-client")
        # The process that runs the thread, 0 while it does not run: a fork has no thread.
        self._process = 0

    def __enter__(self) -> BlockingPushClient:
        self._thread.start()
        self._process = os.getpid()
        try:
            self._run(self._client.__aenter__())
        except BaseException:
            self._stop_loop()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._process != os.getpid():
            return
        try:
            self._run(self._client.__aexit__(kind, error, trace))
        finally:
            self._stop_loop()

    def push(self, table: str, records: Iterable[AnyRecord], *, keys: Sequence[str]) -> Pushed:
        """See PushClient.push. ``records`` are read in the client's thread."""
        return self._run(self._client.push(table, records, keys=keys))

    def counts(self) -> Counts:
        return self._client.counts()

    def wait_until_emptied(self) -> None:
        """Returns when nothing waits in the outbox."""
        self._run(self._client.emptied())

    def _run(self, work: Coroutine[Any, Any, Returned]) -> Returned:
        if self._process != os.getpid():
            work.close()
            raise ClientClosed
        waiting = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return waiting.result()
        except BaseException:
            # If this thread is interrupted, as by Ctrl-C, the work must not go on in the other.
            waiting.cancel()
            raise

    def _stop_loop(self) -> None:
        """Waits for interrupted tasks, so that they release what they use, such as an outbox."""
        asyncio.run_coroutine_threadsafe(_finish_tasks(), self._loop).result()
        self._process = 0
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _finish_tasks() -> None:
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others, timeout=STOP_SECONDS)
