"""`pushgate push` straight to the gate: what becomes of each request, and of every record."""

import asyncio
import threading
from collections.abc import Iterable, Iterator

import orjson
import pytest

from cli.push.direct import DirectPush, push_directly
from cli.push.report import PushOutcome, Report
from cli.push.requests import PushRequest
from pushgate_client import FixedToken
from pushgate_client.records import InvalidRecord
from tests.cli.gate import Script, ScriptedGate

OK = (201, '{"status":"OK","message":"Batch Accepted!"}')
TOKEN = FixedToken("at_made_up")


def requests(count: int, *, records: int = 10) -> list[PushRequest]:
    """Bodies of one record each, for gates that look at nothing else."""
    return [
        PushRequest(range(i * records + 1, (i + 1) * records + 1), b"[%d]" % i)
        for i in range(count)
    ]


async def push(
    script: Script,
    items: Iterable[PushRequest | InvalidRecord],
    *,
    connections: int = 1,
    give_up_seconds: float = 5.0,
    counts_rest: bool = True,
    notices: list[str] | None = None,
) -> tuple[Report, ScriptedGate]:
    async with ScriptedGate(script) as gate:
        report = await push_directly(
            DirectPush(
                url=gate.url,
                token=TOKEN,
                connections=connections,
                give_up_seconds=give_up_seconds,
                notice=notices.append if notices is not None else print,
            ),
            iter(items),
            counts_rest=counts_rest,
        )
    return report, gate


def places(report: Report) -> list[tuple[PushOutcome, int, int | None, int | None]]:
    return [(p.outcome, p.first, p.last, p.records) for p in report.merged()]


async def test_everything_is_sent_once_over_several_connections() -> None:
    report, gate = await push(lambda *_: OK, requests(20), connections=4)

    assert sorted(gate.bodies) == sorted(request.body for request in requests(20))
    assert gate.authorizations == {"Bearer at_made_up"}
    assert (report.accepted, report.requests, report.complete) == (200, 20, True)


async def test_a_503_is_tried_again_with_the_same_bytes() -> None:
    report, gate = await push(lambda n, _: OK if n else (503, "later"), requests(1))

    assert gate.bodies == [b"[0]", b"[0]"]
    assert report.accepted == 10


async def test_a_closed_connection_is_tried_again_with_the_same_bytes() -> None:
    report, gate = await push(lambda n, _: OK if n else None, requests(1))

    assert gate.bodies == [b"[0]", b"[0]"]
    assert report.complete


async def test_a_lost_answer_is_unknown_even_if_a_refusal_follows() -> None:
    report, _ = await push(lambda n, _: (401, "gone") if n else None, requests(1))

    assert places(report) == [(PushOutcome.UNKNOWN, 1, 10, 10)]


def bad_at(*numbers: int) -> Script:
    """Refuses each request that holds one of these."""
    return lambda _, body: (422, "bad") if set(numbers) & set(orjson.loads(body)) else OK


def request_of(*numbers: int) -> PushRequest:
    """Its records are their own numbers in the file."""
    return PushRequest(numbers, orjson.dumps(numbers))


async def test_only_the_record_at_fault_is_refused_and_named() -> None:
    items = [request_of(*range(1, 17)), request_of(*range(17, 33))]
    report, _ = await push(bad_at(5, 6, 20), items, connections=2)

    assert report.accepted == 29
    assert places(report) == [(PushOutcome.REFUSED, 5, 6, 2), (PushOutcome.REFUSED, 20, 20, 1)]


async def test_numbers_are_those_of_lines_although_some_are_blank() -> None:
    report, _ = await push(bad_at(30), [request_of(1, 10, 20, 30)])

    assert places(report) == [(PushOutcome.REFUSED, 30, 30, 1)]


async def test_halves_that_are_given_up_make_their_request_unknown() -> None:
    """One half is in by then; pushing all of it again changes nothing."""
    script = lambda n, _: [(422, "bad"), OK, (503, "later")][min(n, 2)]  # noqa: E731 - one line
    report, _ = await push(script, [request_of(1, 2)], give_up_seconds=0.3)

    assert places(report) == [(PushOutcome.UNKNOWN, 1, 2, 2)]


async def test_a_refused_token_ends_the_push_and_the_rest_is_named() -> None:
    report, gate = await push(lambda n, _: OK if n < 2 else (401, "no"), requests(10))

    # A token may just have been replaced: it is read again, once.
    assert len(gate.bodies) == 4
    assert report.accepted == 20
    assert places(report) == [(PushOutcome.REFUSED, 21, 30, 10), (PushOutcome.UNSENT, 31, 100, 70)]
    assert report.not_accepted == 80


@pytest.mark.parametrize("status", [200, 400])
async def test_a_page_for_people_ends_the_push_and_says_what_to_check(status: int) -> None:
    page = "<html>The plain HTTP request was sent to HTTPS port</html>"
    report, gate = await push(lambda *_: (status, page), requests(9))

    assert (report.accepted, len(gate.bodies)) == (0, 2)
    assert "check PUSHGATE_IMPORT_URL" in report.merged()[0].advice


async def test_the_rest_of_a_stream_is_left_unread() -> None:
    items = iter(requests(10))
    report, _ = await push(lambda *_: (401, "no"), items, counts_rest=False)

    assert places(report) == [
        (PushOutcome.REFUSED, 1, 10, 10),
        (PushOutcome.UNSENT, 11, None, None),
    ]
    assert report.not_accepted is None
    assert next(items).numbers[0] == 11


async def test_a_stream_known_to_be_at_its_end_has_no_rest() -> None:
    items = [request._replace(is_last=True) for request in requests(1)]
    report, _ = await push(lambda *_: (401, "no"), items, counts_rest=False)

    assert places(report) == [(PushOutcome.REFUSED, 1, 10, 10)]


async def test_an_interrupted_push_accounts_for_every_record_it_read() -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def second_answer_never_comes(number: int, _: bytes) -> tuple[int, str]:
        if number == 1:
            reached.set()
            await never.wait()
        return OK

    async with ScriptedGate(second_answer_never_comes) as gate:
        pushing = asyncio.create_task(
            push_directly(
                DirectPush(url=gate.url, token=TOKEN, connections=1),
                iter(requests(5)),
                counts_rest=True,
            )
        )
        await reached.wait()
        pushing.cancel()
        report = await pushing
        never.set()

    assert report.accepted == 10
    assert report.interrupted
    assert places(report) == [
        (PushOutcome.UNKNOWN, 11, 20, 10),
        (PushOutcome.UNSENT, 21, None, None),
    ]


async def test_a_push_ends_although_its_input_is_silent() -> None:
    """One connection is refused while another waits for a pipe that nobody writes to."""
    more = threading.Event()

    def silent_after_one() -> Iterator[PushRequest]:
        yield requests(1)[0]
        more.wait(30)

    report, _ = await push(
        lambda *_: (401, "no"), silent_after_one(), connections=2, counts_rest=False
    )
    still_reading = report.still_reading
    more.set()

    assert still_reading
    assert places(report) == [
        (PushOutcome.REFUSED, 1, 10, 10),
        (PushOutcome.UNSENT, 11, None, None),
    ]


async def test_an_overloaded_gate_is_given_up_after_a_while_and_once_it_is_said_before() -> None:
    notices: list[str] = []
    report, gate = await push(
        lambda *_: (503, "later"), requests(3), give_up_seconds=0.5, notices=notices
    )

    assert notices == ["503: later; retrying for up to 0.5 s"]
    assert len(set(gate.bodies)) == 1
    assert places(report) == [(PushOutcome.REFUSED, 1, 10, 10), (PushOutcome.UNSENT, 11, 30, 20)]


async def test_a_gate_that_is_not_there_took_nothing() -> None:
    async with ScriptedGate(lambda *_: OK) as gone:
        url = gone.url
    report = await push_directly(
        DirectPush(url=url, token=TOKEN, give_up_seconds=0.0),
        iter(requests(1)),
        counts_rest=True,
    )

    assert places(report) == [(PushOutcome.REFUSED, 1, 10, 10)]
    assert "can't be reached" in report.problems[0].reason


async def test_unusable_lines_are_named_and_the_rest_goes_on() -> None:
    items: list[PushRequest | InvalidRecord] = [
        InvalidRecord(1, "broken"),
        InvalidRecord(2, "broken"),
    ]
    items.append(PushRequest(range(3, 4), b"[]"))
    report, _ = await push(lambda *_: OK, items)

    assert report.accepted == 1
    assert places(report) == [(PushOutcome.UNUSABLE, 1, 2, 2)]


async def test_a_file_of_nothing_but_mistakes_is_not_read_to_its_end() -> None:
    report, _ = await push(
        lambda *_: OK, (InvalidRecord(i, f"reason {i}") for i in range(1, 15_000)), connections=4
    )

    assert len(report.problems) < 10_010
    assert report.not_accepted == 14_999
    assert places(report)[-1][0] is PushOutcome.UNSENT


async def test_an_answer_is_quoted_as_one_line_without_control_characters() -> None:
    report, _ = await push(lambda *_: (400, "a\x1b[31m\nb" + "c" * 1000), requests(1))

    assert report.problems[0].reason.startswith("a [31m b")
    assert len(report.problems[0].reason) < 410
