"""Without an outbox: each body goes to the gate while the caller waits."""

from __future__ import annotations

from pushgate_client.clock import ClientClock
from pushgate_client.entries import Entry
from pushgate_client.errors import Refused
from pushgate_client.sending.answers import Fault
from pushgate_client.sending.deliverer import Deliverer, DeliveryPolicy
from pushgate_client.sending.sender import Sender
from pushgate_client.sequences import Sequences
from pushgate_client.tokens import TokenSource


class DirectSink:
    def __init__(
        self,
        url: str,
        token: TokenSource,
        *,
        connections: int,
        give_up_seconds: float,
        clock: ClientClock,
    ) -> None:
        self._sender = Sender(url, connections=connections)
        self._deliverer = Deliverer(
            self._sender,
            token,
            clock=clock,
            policy=DeliveryPolicy(waits_for_token=False, give_up_seconds=give_up_seconds),
        )
        self._sequences = Sequences(clock)
        self._faults: list[Fault] = []

    async def __aenter__(self) -> DirectSink:
        await self._sender.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sender.close()

    async def next_sequences(self, count: int) -> int:
        return self._sequences.take(count)

    async def append(self, entry: Entry) -> None:
        """Raises GaveUp; what was refused is told by ``raise_refused``."""
        self._faults += await self._deliverer.deliver(entry)

    def raise_refused(self, records: int) -> None:
        """``records``: how many were pushed since the last time."""
        faults, self._faults = self._faults, []
        if faults:
            raise Refused(records - sum(fault.records for fault in faults), faults)
