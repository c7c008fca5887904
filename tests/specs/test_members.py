from events.ids import MemberId
from events.types import (
    AccountOpened,
    MemberAdded,
    MemberLinkMade,
    MemberRemoved,
    MemberRoleChanged,
)
from services.tokens.domain.commands import (
    AddMember,
    ChangeMemberRole,
    MakeMemberLink,
    RemoveMember,
)
from services.tokens.limits import MEMBERS_MAX
from services.tokens.refusals import (
    AccountNotFound,
    LastOwner,
    MemberLimitReached,
    MemberNotFound,
)
from tests.specs.scenario import given_account

OPENED = AccountOpened(account_id=7)
ADA = MemberAdded(member_id=1, role="owner")
BOB = MemberAdded(member_id=2, role="member")

ADD_BOB = AddMember(member_id=MemberId(2), role="member")
REMOVE_ADA = RemoveMember(member_id=MemberId(1))
REMOVE_BOB = RemoveMember(member_id=MemberId(2))
MAKE_BOB_OWNER = ChangeMemberRole(member_id=MemberId(2), role="owner")
MAKE_ADA_AUDITOR = ChangeMemberRole(member_id=MemberId(1), role="auditor")

BOB_IS_OWNER = MemberRoleChanged(member_id=2, role="owner")
BOB_IS_GONE = MemberRemoved(member_id=2)

LINK_FOR_BOB = MakeMemberLink(member_id=MemberId(2))
BOB_HAS_A_LINK = MemberLinkMade(member_id=2)


def test_a_member_is_added_with_a_role() -> None:
    given_account([OPENED, ADA]).when(ADD_BOB).then(BOB)


def test_an_account_that_never_was_gets_no_member() -> None:
    given_account([]).when(ADD_BOB).then_refused(AccountNotFound)


def test_there_is_a_limit_to_members() -> None:
    crowd = [MemberAdded(member_id=1000 + n, role="member") for n in range(MEMBERS_MAX)]

    given_account([OPENED, *crowd]).when(ADD_BOB).then_refused(MemberLimitReached)


def test_a_role_is_changed() -> None:
    given_account([OPENED, ADA, BOB]).when(MAKE_BOB_OWNER).then(BOB_IS_OWNER)


def test_a_role_that_somebody_has_already_changes_nothing() -> None:
    given_account([OPENED, ADA, BOB, BOB_IS_OWNER]).when(MAKE_BOB_OWNER).then_nothing_happens()


def test_a_member_is_removed_once() -> None:
    given_account([OPENED, ADA, BOB]).when(REMOVE_BOB).then(BOB_IS_GONE)
    given_account([OPENED, ADA, BOB, BOB_IS_GONE]).when(REMOVE_BOB).then_refused(MemberNotFound)


def test_the_role_of_a_removed_member_can_not_be_changed() -> None:
    given_account([OPENED, ADA, BOB, BOB_IS_GONE]).when(MAKE_BOB_OWNER).then_refused(MemberNotFound)


def test_the_last_owner_can_not_be_removed() -> None:
    given_account([OPENED, ADA, BOB]).when(REMOVE_ADA).then_refused(LastOwner)


def test_the_last_owner_stays_an_owner() -> None:
    given_account([OPENED, ADA, BOB]).when(MAKE_ADA_AUDITOR).then_refused(LastOwner)


def test_an_owner_may_go_when_there_is_another() -> None:
    given_account([OPENED, ADA, BOB, BOB_IS_OWNER]).when(REMOVE_ADA).then(
        MemberRemoved(member_id=1)
    )


def test_two_owners_can_not_both_go_at_once() -> None:
    given_account([OPENED, ADA, BOB, BOB_IS_OWNER]).when(
        REMOVE_ADA, RemoveMember(member_id=MemberId(2))
    ).then_refused(LastOwner)


def test_every_further_link_of_a_member_is_a_fact() -> None:
    given_account([OPENED, ADA, BOB]).when(LINK_FOR_BOB).then(BOB_HAS_A_LINK)
    given_account([OPENED, ADA, BOB, BOB_HAS_A_LINK]).when(LINK_FOR_BOB).then(BOB_HAS_A_LINK)


def test_a_link_changes_nothing_else() -> None:
    given_account([OPENED, ADA, BOB, BOB_HAS_A_LINK]).when(MAKE_BOB_OWNER).then(BOB_IS_OWNER)
    given_account([OPENED, ADA, BOB, BOB_HAS_A_LINK]).when(REMOVE_BOB).then(BOB_IS_GONE)


def test_there_is_no_link_for_somebody_who_is_no_member() -> None:
    given_account([OPENED, ADA]).when(LINK_FOR_BOB).then_refused(MemberNotFound)
    given_account([OPENED, ADA, BOB, BOB_IS_GONE]).when(LINK_FOR_BOB).then_refused(MemberNotFound)
