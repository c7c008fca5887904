"""The order of checks where it needs the token's row (wire contract 2.5), without any I/O."""

import itertools

import pytest

from protocol.refusals import Refusal
from protocol.refusals.batch import NoMessages
from protocol.refusals.edge import ConnectionNotActive, MalformedBody, TokenUnknown
from protocol.refusals.push import ForeignClient, RecordsRefused
from protocol.validation import Validated
from services.ingest.admission import UNVERIFIED, admit
from services.journal.candidates import TokenRow

TOKEN = TokenRow(token_id=3, integration_id=2, client_id=7723, state="active")
EARLY = MalformedBody("nothing")
LATE = RecordsRefused([{"table_name": ["can't be blank"]}])


def checked(
    *, client_id: int | None = 7723, early: Refusal | None = None, late: Refusal | None = None
) -> Validated:
    return Validated(1, (("customers", 1),), client_id, early, late)


def test_a_good_push_with_an_active_token_is_let_in() -> None:
    assert admit(TOKEN, checked()) is None


def test_a_batch_names_no_client_and_is_let_in() -> None:
    assert admit(TOKEN, checked(client_id=None)) is None


@pytest.mark.parametrize("state", ["paused", "deleted"])
def test_the_state_of_the_integration_decides(state: str) -> None:
    assert isinstance(admit(TOKEN._replace(state=state), checked()), ConnectionNotActive)


def test_another_accounts_client_id_is_refused() -> None:
    assert isinstance(admit(TOKEN, checked(client_id=9999)), ForeignClient)


def test_of_everything_that_is_wrong_the_first_in_the_contracts_order_is_named() -> None:
    wrong: list[tuple[type[Refusal], dict[str, object]]] = [
        (TokenUnknown, {"token": None}),
        (MalformedBody, {"early": EARLY}),
        (ForeignClient, {"client_id": 9999}),
        (ConnectionNotActive, {"state": "paused"}),
        (RecordsRefused, {"late": LATE}),
    ]
    combinations = (
        chosen
        for count in range(1, len(wrong) + 1)
        for chosen in itertools.combinations(wrong, count)
    )

    for chosen in combinations:
        faults = {name: value for _, fault in chosen for name, value in fault.items()}
        assert type(admitted(faults)) is chosen[0][0], faults


def admitted(faults: dict[str, object]) -> Refusal | None:
    token = TOKEN._replace(state=str(faults.get("state", "active")))
    early, late = faults.get("early"), faults.get("late")
    assert early is None or isinstance(early, Refusal)
    assert late is None or isinstance(late, Refusal)
    client_id = 9999 if "client_id" in faults else 7723
    return admit(
        None if "token" in faults else token, checked(client_id=client_id, early=early, late=late)
    )


def test_without_the_store_a_request_is_judged_on_its_own_merits() -> None:
    assert admit(UNVERIFIED, checked(client_id=9999)) is None
    assert admit(UNVERIFIED, checked(late=NoMessages())) is not None
