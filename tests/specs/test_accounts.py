from events.ids import AccountId, ConnectTokenId
from events.types import AccountOpened, ConnectTokenGenerated, ConnectTokenRevoked
from services.tokens.domain.commands import GenerateConnectToken, OpenAccount, RevokeConnectToken
from services.tokens.refusals import AccountNotFound, ConnectTokenNotFound
from tests.specs.scenario import given_account

OPENED = AccountOpened(account_id=7)
OWNERS = ConnectTokenGenerated(
    connect_token_id=9, token_hash="a" * 64, last_four="aaaa", role="owner"
)
REVOKED = ConnectTokenRevoked(connect_token_id=9)

OPEN = OpenAccount(account_id=AccountId(7))
GENERATE = GenerateConnectToken(
    connect_token_id=ConnectTokenId(9), token_hash="a" * 64, last_four="aaaa", role="owner"
)
REVOKE = RevokeConnectToken(connect_token_id=ConnectTokenId(9))


def test_an_account_is_opened_with_a_connect_token() -> None:
    given_account([]).when(OPEN, GENERATE).then(OPENED, OWNERS)


def test_there_is_no_limit_to_connect_tokens() -> None:
    given_account([OPENED] + [OWNERS] * 20).when(GENERATE).then(OWNERS)


def test_an_account_that_never_was_gets_no_connect_token() -> None:
    given_account([]).when(GENERATE).then_refused(AccountNotFound)


def test_a_connect_token_can_be_revoked_even_the_last() -> None:
    """Whoever operates the installation can always generate another."""
    given_account([OPENED, OWNERS]).when(REVOKE).then(REVOKED)


def test_a_connect_token_is_revoked_once() -> None:
    given_account([OPENED, OWNERS, REVOKED]).when(REVOKE).then_refused(ConnectTokenNotFound)


def test_the_connect_token_of_another_account_cannot_be_revoked() -> None:
    given_account([OPENED]).when(REVOKE).then_refused(ConnectTokenNotFound)
