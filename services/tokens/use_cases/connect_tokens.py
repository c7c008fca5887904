"""Connect tokens: generate and revoke the tokens that manage an account over the Connect API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from events.ids import ConnectTokenId
from events.types import AccountFact, ConnectTokenGenerated, Role
from services.tokens.domain.commands import (
    AccountCommand,
    GenerateConnectToken,
    RevokeConnectToken,
)
from services.tokens.domain.permissions import Caller, Right, require
from services.tokens.use_cases.new_tokens import NewToken, new_token
from services.tokens.use_cases.stream_commands import (
    CommandExecutor,
    WithNewId,
    account_command,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedConnectToken:
    connect_token_id: ConnectTokenId
    role: Role
    access_token: str = field(repr=False)


class ConnectTokens:
    """Every method raises a CommandRefused when it does not do what is asked."""

    def __init__(self, executor: CommandExecutor) -> None:
        self._executor = executor

    async def generate(self, caller: Caller, role: Role) -> GeneratedConnectToken:
        require(caller, Right.MANAGE_CONNECT_TOKENS)
        token = new_token("ac_")
        facts = await self._executor.execute(
            account_command(caller.account_id, caller.actor, generate_command(token, role))
        )
        return generated_connect_token(facts, token)

    async def revoke(self, caller: Caller, connect_token_id: ConnectTokenId) -> None:
        """Raises ConnectTokenNotFound, also for a revoked one and for another account's."""
        require(caller, Right.MANAGE_CONNECT_TOKENS)
        revoke = RevokeConnectToken(connect_token_id=connect_token_id)
        await self._executor.execute(account_command(caller.account_id, caller.actor, revoke))


def generate_command(token: NewToken, role: Role) -> WithNewId[AccountCommand]:
    return WithNewId(
        statement="next_connect_token_id",
        command=lambda new_id: GenerateConnectToken(
            connect_token_id=ConnectTokenId(new_id),
            token_hash=token.hash_hex,
            last_four=token.last_four,
            role=role,
        ),
    )


def generated_connect_token(facts: Sequence[AccountFact], token: NewToken) -> GeneratedConnectToken:
    (fact,) = (fact for fact in facts if isinstance(fact, ConnectTokenGenerated))
    return GeneratedConnectToken(
        connect_token_id=ConnectTokenId(fact.connect_token_id),
        role=fact.role,
        access_token=token.text,
    )
