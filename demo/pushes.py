"""What the demo pushes: requests made of rows, and an endless stream of small requests."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import orjson

from cli.push.json_input import InputRecord
from cli.push.requests import PushRequest, PushSpec, requests_of
from demo.flights import FlightRow


def row_requests(rows: Iterable[FlightRow], spec: PushSpec) -> list[PushRequest]:
    items = list(requests_of(_records(rows), spec))
    assert all(isinstance(item, PushRequest) for item in items), "every row has its key"
    return [item for item in items if isinstance(item, PushRequest)]


def _records(rows: Iterable[FlightRow]) -> Iterator[InputRecord]:
    for number, row in enumerate(rows, start=1):
        yield InputRecord(number, orjson.dumps(row), dict(row))


class RepeatedPushes:
    """The same rows again and again, with higher sequences each time, until ``running`` is False.

    ``newest`` holds, for each row's key, the sequence that was sent last.
    """

    def __init__(self, rows: Sequence[FlightRow], key: str, spec: PushSpec) -> None:
        self.newest: dict[object, int] = {}
        self.running = True
        self.started = 0
        self._rows = rows
        self._key = key
        self._spec = spec
        self._numbers = itertools.count(spec.sequence_from)

    def next_request(self) -> PushRequest:
        """The next few rows as one request."""
        size = self._spec.records_max
        number = next(self._numbers)
        first = number * size % len(self._rows)
        rows = self._rows[first : first + size]
        spec = PushSpec(
            client_id=self._spec.client_id,
            table=self._spec.table,
            keys=self._spec.keys,
            # Higher than in any earlier round; the last request of a round may be short.
            sequence_from=number * size,
            records_max=size,
        )
        (request,) = row_requests(rows, spec)
        for place, row in enumerate(rows):
            self.newest[row[self._key]] = number * size + place
        self.started += 1
        # The only request of its stream: when it is refused, nothing is left unsent.
        return request._replace(is_last=True)

    def __iter__(self) -> Iterator[PushRequest]:
        while self.running:
            yield self.next_request()._replace(is_last=False)
