from events.ids import AccountId, IntegrationId, TokenId
from events.types import (
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationPaused,
    TokenGenerated,
    TokenRevoked,
)
from services.tokens.domain.commands import CreateIntegration, GenerateToken, RevokeToken
from services.tokens.refusals import IntegrationNotFound, TokenLimitReached, TokenNotFound
from tests.specs.scenario import given

CREATED = IntegrationCreated(
    integration_id=12, account_id=7, display_name="Import API", schema_name="import_api"
)
PAUSED = IntegrationPaused(paused_at="2019-06-01T00:00:00Z")
DELETED = IntegrationDeleted()

FIRST_TOKEN = TokenGenerated(token_id=1, token_hash="a" * 64, last_four="aaaa")
SECOND_TOKEN = TokenGenerated(token_id=2, token_hash="b" * 64, last_four="bbbb")
THIRD_TOKEN = TokenGenerated(token_id=3, token_hash="c" * 64, last_four="cccc")
FIRST_REVOKED = TokenRevoked(token_id=1)


def generate(token: TokenGenerated) -> GenerateToken:
    return GenerateToken(
        token_id=TokenId(token.token_id), token_hash=token.token_hash, last_four=token.last_four
    )


GENERATE_FIRST, GENERATE_SECOND, GENERATE_THIRD = map(
    generate, (FIRST_TOKEN, SECOND_TOKEN, THIRD_TOKEN)
)
REVOKE_FIRST = RevokeToken(token_id=TokenId(1))


def test_a_second_token_can_be_generated() -> None:
    given([CREATED, FIRST_TOKEN]).when(GENERATE_SECOND).then(SECOND_TOKEN)


def test_a_third_active_token_is_refused() -> None:
    given([CREATED, FIRST_TOKEN, SECOND_TOKEN]).when(GENERATE_THIRD).then_refused(TokenLimitReached)


def test_a_revoked_token_makes_room_for_another() -> None:
    given([CREATED, FIRST_TOKEN, SECOND_TOKEN, FIRST_REVOKED]).when(GENERATE_THIRD).then(
        THIRD_TOKEN
    )


def test_a_paused_integration_can_get_a_token() -> None:
    given([CREATED, PAUSED]).when(GENERATE_FIRST).then(FIRST_TOKEN)


def test_a_deleted_integration_gets_no_token() -> None:
    given([CREATED, DELETED]).when(GENERATE_FIRST).then_refused(IntegrationNotFound)


def test_an_integration_that_never_was_gets_no_token() -> None:
    given([]).when(GENERATE_FIRST).then_refused(IntegrationNotFound)


def test_an_integration_can_be_created_with_its_first_token() -> None:
    create = CreateIntegration(
        integration_id=IntegrationId(12), account_id=AccountId(7), display_name="Import API"
    )

    given([]).when(create, GENERATE_FIRST).then(CREATED, FIRST_TOKEN)


def test_an_active_token_can_be_revoked() -> None:
    given([CREATED, FIRST_TOKEN]).when(REVOKE_FIRST).then(FIRST_REVOKED)


def test_a_token_is_revoked_once() -> None:
    given([CREATED, FIRST_TOKEN, FIRST_REVOKED]).when(REVOKE_FIRST).then_refused(TokenNotFound)


def test_the_token_of_another_integration_cannot_be_revoked() -> None:
    given([CREATED, SECOND_TOKEN]).when(REVOKE_FIRST).then_refused(TokenNotFound)


def test_the_token_of_a_paused_integration_can_be_revoked() -> None:
    given([CREATED, FIRST_TOKEN, PAUSED]).when(REVOKE_FIRST).then(FIRST_REVOKED)


def test_the_token_of_a_deleted_integration_can_be_revoked() -> None:
    given([CREATED, FIRST_TOKEN, DELETED]).when(REVOKE_FIRST).then(FIRST_REVOKED)
