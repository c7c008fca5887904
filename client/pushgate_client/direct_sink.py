"""Push without an outbox: send each request while the caller waits for the answer."""

from __future__ import annotations

from collections.abc import Callable

from pushgate_client.answers import Answer, Disposition, Fault
from pushgate_client.clock import ClientClock, ClientSystemClock
from pushgate_client.entries import Entry
from pushgate_client.limits import CONNECTIONS, GIVE_UP_SECONDS
from pushgate_client.sending.deliverer import Deliverer, DeliveryPolicy
from pushgate_client.sending.sender import Sender
from pushgate_client.sequences import Sequences
from pushgate_client.tokens import TokenSource


class DirectSink:
    """``async with DirectSink(url, token) as sink``.

    A request is retried for ``give_up_seconds``, or for ``give_up_unreached_seconds`` while the
    gate has never answered. A token that does not work is not waited for.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource,
        *,
        connections: int = CONNECTIONS,
        give_up_seconds: float = GIVE_UP_SECONDS,
        give_up_unreached_seconds: float | None = None,
        on_answer: Callable[[Disposition, Answer], None] = lambda _disposition, _answer: None,
        clock: ClientClock | None = None,
    ) -> None:
        clock = clock or ClientSystemClock()
        self._sender = Sender(url, connections=connections)
        self._deliverer = Deliverer(
            self._sender,
            token,
            clock=clock,
            policy=DeliveryPolicy(
                waits_for_token=False,
                give_up_seconds=give_up_seconds,
                give_up_unreached_seconds=give_up_unreached_seconds,
            ),
            on_answer=on_answer,
        )
        self._sequences = Sequences(clock)

    async def __aenter__(self) -> DirectSink:
        await self._sender.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sender.close()

    @property
    def requests(self) -> int:
        """How many were sent, retries and halves included."""
        return self._deliverer.requests

    @property
    def give_up_seconds(self) -> float | None:
        """How long a request is retried, as things are now."""
        return self._deliverer.give_up_seconds

    async def next_sequences(self, count: int) -> int:
        return self._sequences.take(count)

    async def send(self, entry: Entry) -> list[Fault]:
        """Returns the parts that were refused, each with its place in the entry.

        Everything else is stored. Raises GaveUp.
        """
        return await self._deliverer.deliver(entry)
