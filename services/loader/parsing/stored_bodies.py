"""The accepted bodies behind one load, and what is read from them."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from uuid import UUID

import zstandard

from protocol.refusals import Refusal
from services.journal.batches import Batch, BatchKey, StoredBody
from services.loader.parsing.batch_builder import BatchBuilder, RequestInfo
from services.loader.parsing.messages import LoadStep, RecordGroup, parse_body
from services.loader.schema.identifiers import FieldNaming

# Of bodies for several tables, whose other tables mostly are loaded next. As accepted; parsed
# they take several times as much.
CACHED_BODY_BYTES_MAX = 8_000_000

# Read in one go. The largest body takes a third of a second; health and stopping wait for one only.
BYTES_BETWEEN_YIELDS = 64 * 1024

# What a body that is not what ingest accepted shows itself as: ours or the disk's fault.
_DAMAGE = (zstandard.ZstdError, Refusal, KeyError, TypeError, AttributeError)


Yielder = Callable[[], Awaitable[None]]


async def yield_control() -> None:
    """Only lets others have their turn."""
    await asyncio.sleep(0)


class UnreadableBody(Exception):
    """A body can't be read; its batch is set aside, the others are loaded."""

    def __init__(self, batch: Batch, reason: str) -> None:
        super().__init__(reason)
        self.batch = batch
        self.reason = reason


class ParsedBodyCache:
    """Bodies with several tables, so that each is parsed once and not once a table."""

    def __init__(self) -> None:
        self._steps: OrderedDict[UUID, tuple[int, dict[str, list[LoadStep]]]] = OrderedDict()
        self._bytes = 0

    def take_steps(self, batch: Batch, body: StoredBody) -> list[LoadStep]:
        """Of the batch's table; each table's steps are given out once, then forgotten."""
        kept = self._steps.get(batch.key.batch_id)
        if kept is not None and (found := kept[1].pop(batch.table_name, None)) is not None:
            return found
        steps = parse_body(body.decompressed(), media_type=body.media_type, endpoint=batch.endpoint)
        found = steps.pop(batch.table_name, [])
        if steps and kept is None:
            self._cache(batch, steps)
        return found

    def _cache(self, batch: Batch, steps: dict[str, list[LoadStep]]) -> None:
        self._steps[batch.key.batch_id] = (batch.bytes, steps)
        self._bytes += batch.bytes
        while self._bytes > CACHED_BODY_BYTES_MAX:
            _, (dropped, _) = self._steps.popitem(last=False)
            self._bytes -= dropped


class StoredBodyReader:
    def __init__(
        self,
        batches: Sequence[Batch],
        bodies: Mapping[UUID, StoredBody],
        parsed: ParsedBodyCache,
        field_name: FieldNaming,
    ) -> None:
        self._field_name = field_name
        self._batches = batches
        self._bodies = bodies
        self._parsed = parsed

    @property
    def markers(self) -> list[BatchKey]:
        return [batch.key for batch in self._batches]

    async def build(
        self, only: Container[int] | None = None, *, between: Yielder = yield_control
    ) -> BatchBuilder:
        """``only``: of these requests, counted from 1. Raises Unreadable.

        ``between`` is awaited between goes.
        """
        assembly = BatchBuilder(self._batches[0].table_name, self._field_name)
        read_bytes = 0
        for number, batch in enumerate(self._batches, start=1):
            wanted = only is None or number in only
            request = RequestInfo(batch.key.batch_id, batch.received_at)
            assembly.add(request, self._steps(batch) if wanted else ())
            read_bytes += batch.bytes
            if read_bytes >= BYTES_BETWEEN_YIELDS:
                read_bytes = 0
                await between()
        assembly.finish()
        return assembly

    def _steps(self, batch: Batch) -> list[LoadStep]:
        body = self._bodies.get(batch.key.batch_id)
        if body is None:
            raise UnreadableBody(batch, "its body is no longer kept")
        try:
            return self._parsed.take_steps(batch, body)
        except _DAMAGE as error:
            raise UnreadableBody(batch, f"its body is damaged: {type(error).__name__}") from error

    def record_texts(self, spots: Sequence[tuple[int, int]]) -> list[str]:
        """Records by request (from 1) and index in it; their bodies are read again."""
        wanted: dict[int, set[int]] = {}
        for request, place in spots:
            wanted.setdefault(request, set()).add(place)
        texts: dict[tuple[int, int], str] = {}
        for request, places in wanted.items():
            for step in self._steps(self._batches[request - 1]):
                if isinstance(step, RecordGroup):
                    texts.update(
                        ((request, place), step.format.text_of(record))
                        for place, record in zip(step.indexes, step.records, strict=True)
                        if place in places
                    )
        return [texts[spot] for spot in spots]
