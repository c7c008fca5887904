"""Reads the accepted bodies behind one load and parses them into what is to be written."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from uuid import UUID

import zstandard

from protocol.refusals import Refusal
from services.journal.batches import Batch, BatchKey, StoredBody
from services.loader.parsing.load_builder import LoadBuilder, ParsedLoad, RequestInfo
from services.loader.parsing.messages import LoadStep, RecordGroup, parse_body
from services.loader.parsing.rows import RecordPosition
from services.loader.schema.identifiers import FieldNaming

# For bodies with several tables, because their other tables are usually loaded next. The size is
# that of the accepted body; parsed it takes several times as much.
CACHED_BODY_BYTES_MAX = 8_000_000

# Parsing yields to the event loop after this many bytes. The largest body takes a third of a
# second, which is also the longest that a health check or a stop has to wait.
BYTES_BETWEEN_YIELDS = 64 * 1024

# What reading a body raises if it is not the body that was accepted: a bug or a disk fault.
_DAMAGE = (zstandard.ZstdError, Refusal, KeyError, TypeError, AttributeError)

# Awaited between two pieces of parsing.
Yielder = Callable[[], Awaitable[None]]


async def yield_control() -> None:
    await asyncio.sleep(0)


class UnreadableBody(Exception):
    """A body cannot be read: its batch fails, the others of the load are not affected."""

    def __init__(self, batch: Batch, reason: str) -> None:
        super().__init__(reason)
        self.batch = batch
        self.reason = reason


class ParsedBodyCache:
    """Keeps bodies with several tables, so that each is parsed once and not once for each table."""

    def __init__(self) -> None:
        self._steps: OrderedDict[UUID, tuple[int, dict[str, list[LoadStep]]]] = OrderedDict()
        self._bytes = 0

    def take_steps(self, batch: Batch, body: StoredBody) -> list[LoadStep]:
        """The steps of the batch's table. They leave the cache."""
        cached = self._steps.get(batch.key.batch_id)
        if cached is not None and (found := cached[1].pop(batch.table_name, None)) is not None:
            return found
        steps = parse_body(body.decompressed(), media_type=body.media_type, endpoint=batch.endpoint)
        found = steps.pop(batch.table_name, [])
        if steps and cached is None:
            self._cache(batch, steps)
        return found

    def _cache(self, batch: Batch, steps: dict[str, list[LoadStep]]) -> None:
        self._steps[batch.key.batch_id] = (batch.bytes, steps)
        self._bytes += batch.bytes
        while self._bytes > CACHED_BODY_BYTES_MAX:
            _, (dropped, _) = self._steps.popitem(last=False)
            self._bytes -= dropped


class StoredBodyReader:
    """Reads the bodies of the batches of one load, which are all for one table."""

    def __init__(
        self,
        batches: Sequence[Batch],
        bodies: Mapping[UUID, StoredBody],
        cache: ParsedBodyCache,
        field_name: FieldNaming,
    ) -> None:
        self._batches = batches
        self._bodies = bodies
        self._cache = cache
        self._field_name = field_name

    @property
    def keys(self) -> list[BatchKey]:
        return [batch.key for batch in self._batches]

    async def parse(
        self, only: Container[int] | None = None, *, yielder: Yielder = yield_control
    ) -> ParsedLoad:
        """Parses and flattens all requests, or ``only`` these (numbered from 1).

        Raises UnreadableBody.
        """
        builder = LoadBuilder(self._batches[0].table_name, self._field_name)
        parsed_bytes = 0
        for number, batch in enumerate(self._batches, start=1):
            included = only is None or number in only
            request = RequestInfo(batch.key.batch_id, batch.received_at)
            builder.add(request, self._steps(batch) if included else ())
            parsed_bytes += batch.bytes
            if parsed_bytes >= BYTES_BETWEEN_YIELDS:
                parsed_bytes = 0
                await yielder()
        return builder.finish()

    def _steps(self, batch: Batch) -> list[LoadStep]:
        body = self._bodies.get(batch.key.batch_id)
        if body is None:
            raise UnreadableBody(batch, "its body has been deleted")
        try:
            return self._cache.take_steps(batch, body)
        except _DAMAGE as error:
            raise UnreadableBody(batch, f"its body is damaged: {type(error).__name__}") from error

    def record_texts(self, positions: Sequence[RecordPosition]) -> list[str]:
        """The records as they were pushed; parses their bodies again. Raises UnreadableBody."""
        indexes_of: dict[int, set[int]] = {}
        for request, index in positions:
            indexes_of.setdefault(request, set()).add(index)
        texts: dict[RecordPosition, str] = {}
        for request, indexes in indexes_of.items():
            for step in self._steps(self._batches[request - 1]):
                if isinstance(step, RecordGroup):
                    texts.update(
                        ((request, index), step.format.text_of(record))
                        for index, record in zip(step.indexes, step.records, strict=True)
                        if index in indexes
                    )
        return [texts[position] for position in positions]
