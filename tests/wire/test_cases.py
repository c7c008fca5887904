"""What the pure checks decide of the conformance cases; ingest runs all of them over HTTP."""

import pytest

from tests.wire.cases import CASES, PURE_CASES, Case
from tests.wire.pure_gate import answer


@pytest.mark.parametrize("case", PURE_CASES, ids=[case.name for case in PURE_CASES])
def test_is_answered_as_the_contract_says(case: Case) -> None:
    given = answer(case.path, case.body, case.content_type)

    assert case.answered_by(*given), given


def test_another_account_gets_the_same_cases_with_its_own_id() -> None:
    case = next(case for case in CASES if case.name == "AU-06").for_client(42)

    assert b'"client_id":42,' in case.body
    assert b"Only client_id 42 is allowed" in case.answer


def test_no_case_is_lost() -> None:
    """A file that is read wrongly would be a case that cannot fail."""
    assert len(CASES) == 59
    assert all(case.answer and case.status for case in CASES)
