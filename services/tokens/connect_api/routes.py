"""The Connect API v4: routes E5 to E13 of the wire contract, over the use cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from events.ids import IntegrationId, TokenId
from protocol.authorization import NoToken, bearer_token
from protocol.refusals.edge import SeveralAuthorizations, TokenInUrl
from services.tokens.connect_api import bodies, views
from services.tokens.connect_api.answers import NOT_AUTHORIZED, json_response
from services.tokens.domain.permissions import Caller, Right, require
from services.tokens.limits import BODY_SECONDS_MAX
from services.tokens.use_cases.use_cases import UseCases

USE_CASES: web.AppKey[UseCases] = web.AppKey("use_cases", UseCases)

ID_MAX = 2**31 - 1

CallerHandler = Callable[[web.Request, UseCases, Caller], Awaitable[web.Response]]


def add_connect_api(app: web.Application) -> None:
    """A path with a non-numeric id matches no route and is answered with 404 (S18)."""
    source = "/v4/sources/{source_id:[0-9]+}"
    token = source + "/tokens/{token_id:[0-9]+}"
    app.router.add_routes(
        [
            web.get("/v4/source-types/import_api", _authenticated(show_type), allow_head=False),
            web.get("/v4/sources", _authenticated(list_sources), allow_head=False),
            web.post("/v4/sources", _authenticated(create_source)),
            web.get(source, _authenticated(show_source), allow_head=False),
            web.put(source, _authenticated(update_source)),
            web.delete(source, _authenticated(delete_source)),
            web.get(source + "/tokens", _authenticated(list_tokens), allow_head=False),
            web.post(source + "/tokens", _authenticated(generate_token)),
            web.delete(token, _authenticated(revoke_token)),
        ]
    )


def _authenticated(endpoint: CallerHandler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """S12: nothing else is processed without a valid Connect token."""

    async def authenticated(request: web.Request) -> web.Response:
        use_cases = request.app[USE_CASES]
        unverified = _presented_token(request)
        caller = None if unverified is None else await use_cases.read_model.authenticate(unverified)
        if caller is None:
            return json_response(NOT_AUTHORIZED, status=401, **{"WWW-Authenticate": "Bearer"})
        return await endpoint(request, use_cases, caller)

    return authenticated


def _presented_token(request: web.Request) -> str | None:
    """Unverified. Raises SeveralAuthorizations, and TokenInUrl for a token in the query."""
    match bearer_token(request.raw_path, request.headers.getall("Authorization", ())):
        case NoToken.MISSING:
            return None
        case NoToken.SEVERAL:
            raise SeveralAuthorizations
        case NoToken.IN_URL:
            raise TokenInUrl
        case unverified:
            return unverified


async def show_type(_: web.Request, __: UseCases, caller: Caller) -> web.Response:
    require(caller, Right.READ)
    return json_response(views.SOURCE_TYPE_CARD)


async def list_sources(_: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    return json_response(
        [views.source(entry) for entry in await use_cases.read_model.integrations(caller)]
    )


async def create_source(request: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    display_name = bodies.display_name_of_post(await _body(request))
    created = await use_cases.integrations.create(caller, display_name)
    return await _source(use_cases, caller, created.integration_id)


async def show_source(request: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    return await _source(use_cases, caller, _source_id(request))


async def update_source(request: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    changes = bodies.changes_of_put(await _body(request))
    source_id = _source_id(request)
    await use_cases.integrations.change(caller, source_id, changes)
    return await _source(use_cases, caller, source_id)


async def delete_source(request: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    source_id = _source_id(request)
    await use_cases.integrations.delete(caller, source_id)
    return await _source(use_cases, caller, source_id)


async def list_tokens(request: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    tokens = await use_cases.read_model.active_tokens(caller, _source_id(request))
    return json_response(views.token_list(tokens))


async def generate_token(request: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    label = bodies.label_of_post(await _body(request))
    token = await use_cases.integrations.generate_token(caller, _source_id(request), label=label)
    return json_response(views.generated_token(token))


async def revoke_token(request: web.Request, use_cases: UseCases, caller: Caller) -> web.Response:
    source_id = _source_id(request)
    await use_cases.integrations.revoke_token(caller, source_id, _token_id(request))
    return await _source(use_cases, caller, source_id)


async def _source(use_cases: UseCases, caller: Caller, source_id: IntegrationId) -> web.Response:
    return json_response(views.source(await use_cases.read_model.integration(caller, source_id)))


async def _body(request: web.Request) -> bytes:
    if "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _source_id(request: web.Request) -> IntegrationId:
    return IntegrationId(_id(request.match_info["source_id"]))


def _token_id(request: web.Request) -> TokenId:
    return TokenId(_id(request.match_info["token_id"]))


def _id(digits: str) -> int:
    """A number out of range becomes 0, which no id is, so that it is answered as an unknown id."""
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(ID_MAX)):
        return 0
    number = int(significant)
    return number if number <= ID_MAX else 0
