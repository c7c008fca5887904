"""Fact and stored data. The texts here are history: they stand in logs that are signed."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import types
from events.catalogue import CLASS_OF
from events.codec import decode, encode
from events.errors import CorruptFact, UnknownFact
from events.types import Fact

HASH = "5f" * 32

# A changed line changes stored hashes: make a second version of the fact and an upcast instead.
GOLDEN: list[tuple[Fact, str]] = [
    (types.AccountOpened(account_id=7), '{"account_id":7}'),
    (
        types.ConnectTokenGenerated(
            connect_token_id=9, token_hash=HASH, last_four="wXyZ", role="auditor"
        ),
        f'{{"connect_token_id":9,"token_hash":"{HASH}","last_four":"wXyZ","role":"auditor"}}',
    ),
    (types.ConnectTokenRevoked(connect_token_id=9), '{"connect_token_id":9}'),
    (
        types.MemberAdded(member_id=3, role="owner"),
        '{"member_id":3,"role":"owner"}',
    ),
    (
        types.MemberRoleChanged(member_id=3, role="auditor"),
        '{"member_id":3,"role":"auditor"}',
    ),
    (types.MemberRemoved(member_id=3), '{"member_id":3}'),
    (types.MemberLinkMade(member_id=3), '{"member_id":3}'),
    (
        types.IntegrationCreated(
            integration_id=12,
            account_id=7,
            display_name='Caf\u00e9 "1"\u2028',
            schema_name="caf_1",
        ),
        (
            '{"integration_id":12,"account_id":7,"display_name":"Caf\u00e9 \\"1\\"\u2028",'
            '"schema_name":"caf_1"}'
        ),
    ),
    (types.IntegrationRenamed(display_name="New"), '{"display_name":"New"}'),
    (types.IntegrationPaused(paused_at="2019-06-01"), '{"paused_at":"2019-06-01"}'),
    (types.IntegrationResumed(), "{}"),
    (types.IntegrationDeleted(), "{}"),
    (
        types.TokenGenerated(token_id=3, token_hash=HASH, last_four="wXyZ"),
        f'{{"token_id":3,"token_hash":"{HASH}","last_four":"wXyZ"}}',
    ),
    (types.TokenRevoked(token_id=3), '{"token_id":3}'),
    (
        types.ReceiptsSealed(first=1, last=9, count=8, root=HASH),
        f'{{"first":1,"last":9,"count":8,"root":"{HASH}"}}',
    ),
    (
        types.LogRestored(old_origin="abc", old_size=17, old_root=HASH),
        f'{{"old_origin":"abc","old_size":17,"old_root":"{HASH}"}}',
    ),
]


@pytest.mark.parametrize(("fact", "data"), GOLDEN, ids=lambda one: type(one).__name__)
def test_golden_bytes(fact: Fact, data: str) -> None:
    assert encode(fact) == (type(fact).__name__, data)


@pytest.mark.parametrize(("fact", "data"), GOLDEN, ids=lambda one: type(one).__name__)
def test_what_was_stored_can_be_read(fact: Fact, data: str) -> None:
    assert decode(type(fact).__name__, data) == fact


def test_every_fact_has_its_golden_bytes() -> None:
    assert {type(fact) for fact, _ in GOLDEN} == set(CLASS_OF.values())


def test_every_fact_is_in_the_catalogue() -> None:
    assert set(Fact.__args__) == set(CLASS_OF.values())


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(min_value=-(2**31), max_value=2**63 - 1),
    str: st.text(),
    types.Role: st.sampled_from(["owner", "member", "auditor"]),
}


@st.composite
def any_fact(draw: st.DrawFn) -> Fact:
    cls = draw(st.sampled_from(sorted(CLASS_OF.values(), key=lambda one: one.__name__)))
    return cls(**{field.name: draw(VALUES[field.type]) for field in fields(cls)})


@given(any_fact())
def test_reading_undoes_writing(fact: Fact) -> None:
    assert decode(*encode(fact)) == fact


@given(any_fact())
def test_a_fact_is_one_line(fact: Fact) -> None:
    """One record is one line of the export."""
    _, data = encode(fact)

    assert "\n" not in data
    assert "\r" not in data


def test_a_fact_of_a_newer_version_is_not_guessed_at() -> None:
    with pytest.raises(UnknownFact):
        decode("TokenGenerated.v2", "{}")


@pytest.mark.parametrize("data", ['{"token_id":1,"why":"x"}', "{}", '{"id":1}'])
def test_other_members_than_the_types_are_corrupt(data: str) -> None:
    with pytest.raises(CorruptFact):
        decode("TokenRevoked", data)
