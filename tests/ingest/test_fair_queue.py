"""The queue for validation workers: one integration cannot keep the others waiting."""

from __future__ import annotations

import asyncio

from services.receiving.validation_workers.fair_queue import FairQueue

GREEDY, MODEST, THIRD = 1, 2, 3


class Desk:
    """The tenants in the order in which they were served; each keeps its slot until it leaves."""

    def __init__(self, slots: int) -> None:
        self.queue = FairQueue(slots)
        self.served: list[int | None] = []
        self.leaving: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def comes(self, *tenants: int | None) -> None:
        self.tasks += [asyncio.create_task(self._stays(each)) for each in tenants]
        await settled()

    async def one_leaves(self) -> None:
        self.leaving.pop(0).set()
        await settled()

    async def all_leave(self) -> None:
        while self.leaving:
            await self.one_leaves()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _stays(self, tenant: int | None) -> None:
        async with self.queue.slot(tenant):
            self.served.append(tenant)
            leaving = asyncio.Event()
            self.leaving.append(leaving)
            await leaving.wait()


async def settled() -> None:
    """Whatever can go on has gone on: nothing here waits for anything but turns of the loop."""
    loop = asyncio.get_running_loop()
    for _ in range(10):
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned


async def test_whoever_comes_waits_for_one_body_of_another_and_not_for_all() -> None:
    desk = Desk(slots=2)
    await desk.comes(*[GREEDY] * 6)
    await desk.comes(MODEST)
    await desk.one_leaves()

    assert desk.served == [GREEDY, GREEDY, MODEST]
    await desk.all_leave()
    assert desk.served.count(GREEDY) == 6


async def test_nobody_has_two_places_while_another_waits() -> None:
    desk = Desk(slots=2)
    await desk.comes(*[GREEDY] * 4, *[MODEST] * 4)
    for _ in range(4):
        await desk.one_leaves()

    # The first two came before anybody else did.
    assert set(desk.served[2:4]) == {GREEDY, MODEST}
    assert set(desk.served[4:6]) == {GREEDY, MODEST}
    await desk.all_leave()


async def test_of_equals_each_has_its_turn() -> None:
    desk = Desk(slots=1)
    await desk.comes(*[GREEDY] * 3, MODEST, None, THIRD)
    await desk.all_leave()

    assert desk.served == [GREEDY, GREEDY, MODEST, None, THIRD, GREEDY]


async def test_who_gives_up_takes_no_place_along() -> None:
    desk = Desk(slots=1)
    await desk.comes(GREEDY, MODEST, THIRD)
    waiting, given = desk.tasks[1], desk.tasks[2]
    waiting.cancel()
    desk.leaving.pop(0).set()
    # Right after the place was given, and before it is taken.
    asyncio.get_running_loop().call_soon(given.cancel)
    await settled()
    await desk.comes(GREEDY)

    assert desk.served == [GREEDY, GREEDY]
    await desk.all_leave()


async def test_a_place_that_is_free_is_given_at_once() -> None:
    desk = Desk(slots=2)
    await desk.comes(GREEDY, GREEDY)
    await desk.one_leaves()
    await desk.comes(GREEDY)

    assert desk.served == [GREEDY] * 3
    await desk.all_leave()
