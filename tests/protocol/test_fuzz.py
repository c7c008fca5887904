"""Whatever arrives, the checks answer with a refusal or without one, and never with an error.

100,000 rounds under ``PUSHGATE_TEST_ROUNDS=full``. What a round finds becomes a named test.
"""

import random
from collections.abc import Callable

import pytest

from protocol.batch import check_batch
from protocol.push import check_push
from protocol.validation import Validated
from tests.protocol.fuzzing import BATCHES, JSON, PUSHES, TRANSIT, fuzzed
from tests.rounds import rounds

ROUNDS = rounds(small=5_000, full=100_000)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("check", "seeds"),
    [
        pytest.param(check_batch, BATCHES, id="batch"),
        pytest.param(lambda body: check_push(body, JSON), PUSHES, id="push"),
        pytest.param(lambda body: check_push(body, TRANSIT), PUSHES, id="transit"),
    ],
)
def test_nothing_that_arrives_is_an_error(
    check: Callable[[bytes], Validated], seeds: list[bytes]
) -> None:
    bodies = fuzzed(seeds, random.Random(7723))  # noqa: S311 — the same rounds every time
    for _ in range(ROUNDS):
        checked = check(next(bodies))
        refusal = checked.refusal_before_owner_check or checked.refusal_after_owner_check
        assert (refusal is None) == (checked.records > 0)
        assert refusal is None or 400 <= refusal.status < 500
        assert refusal is None or len(refusal.body) < 3_000_000


@pytest.mark.timeout(3600)
def test_the_rounds_reach_both_answers() -> None:
    """Rounds that are all refused, or all taken, would test nothing."""
    batches = fuzzed(BATCHES, random.Random(1))  # noqa: S311 — the same rounds every time
    pushes = fuzzed(PUSHES, random.Random(1))  # noqa: S311 — the same rounds every time
    taken = [check_batch(next(batches)).records > 0 for _ in range(1_000)]
    taken += [check_push(next(pushes), TRANSIT).records > 0 for _ in range(1_000)]

    assert 100 < sum(taken) < 1_900
