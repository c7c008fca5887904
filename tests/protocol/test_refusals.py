"""Wire contract 2.2, 2.3, 2.5, 3 and 4.7: every no, byte for byte."""

import importlib
import pkgutil

import pytest

import protocol.refusals
from protocol.refusals import Refusal, edge, shown
from protocol.refusals import batch as in_batch
from protocol.refusals import push as in_push
from protocol.refusals import relay as of_relay

NOT_VALID = '{"error":"Request failed validation:'
REASON = '{"status":"ERROR","error":"Request cannot be processed; see errors.","errors":'
TEXT = "text/plain"
JSON = "application/json"

LITERAL: list[tuple[Refusal, int, str, str]] = [
    (edge.MalformedHttp(), 400, JSON, '{"message":"Malformed HTTP request."}'),
    (edge.PathNotFound(), 404, JSON, '{"message":"Not Found"}'),
    (edge.MethodNotAllowed("POST"), 405, TEXT, "Method not allowed."),
    (
        edge.BodyTooLarge(21_000_000),
        413,
        JSON,
        (
            '{"status":"ERROR","message":'
            '"Request rejected: request size (21000000 bytes) exceeds the maximum"}'
        ),
    ),
    (edge.InvalidRegion(), 401, JSON, '{"message":"Invalid region."}'),
    (
        edge.NotStorable(),
        400,
        JSON,
        (
            '{"status":"ERROR","message":'
            '"Request rejected: it holds something that cannot be stored."}'
        ),
    ),
    (
        edge.ValidationTooLong(),
        400,
        JSON,
        (
            '{"status":"ERROR","message":'
            '"Request rejected: checking it takes too long. Please send smaller requests"}'
        ),
    ),
    (edge.TokenMissing(), 401, JSON, '{"message":"Not Authorized"}'),
    (edge.TokenMangled(), 401, JSON, '{"message":"Not Authorized"}'),
    (edge.TokenUnknown(), 401, JSON, '{"message":"Not Authorized"}'),
    (edge.RevokedTokenUsed(), 401, JSON, '{"message":"Not Authorized"}'),
    (
        edge.SeveralAuthorizations(),
        400,
        JSON,
        '{"message":"Send exactly one Authorization header."}',
    ),
    (
        edge.TokenInUrl(),
        400,
        JSON,
        (
            '{"message":"Send the token in the Authorization header, never in the address;'
            ' revoke this one."}'
        ),
    ),
    (
        edge.UnsupportedCoding("gzip, deflate, zstd"),
        415,
        JSON,
        (
            '{"status":"ERROR","message":"Unsupported content-encoding.'
            ' Please send no coding or one of: gzip, deflate, zstd"}'
        ),
    ),
    (
        edge.BrokenCoding(),
        400,
        JSON,
        '{"status":"ERROR","message":"The compressed body is damaged or incomplete."}',
    ),
    (
        edge.BodyTooSlow(),
        408,
        JSON,
        '{"status":"ERROR","message":"The body did not arrive in time."}',
    ),
    (edge.BatchMediaTypeRefused(), 415, TEXT, "Content-Type must be application/json"),
    (
        edge.PushMediaTypeRefused("application/xml"),
        415,
        JSON,
        (
            '{"status":"ERROR","message":"Unsupported content-type application/xml.'
            ' Please send application/json or application/transit+json"}'
        ),
    ),
    (
        edge.ConnectionNotActive(),
        401,
        JSON,
        '{"error":"Forbidden","errors":{"error":"Connection is not active."}}',
    ),
    (
        edge.IdempotencyKeyReused(),
        400,
        JSON,
        '{"error":"Idempotency-Key was used before with a different body"}',
    ),
    (
        of_relay.ForeignCaller(),
        403,
        JSON,
        (
            '{"message":"Without a secret the relay takes requests from programs on its own machine'
            " alone: call it as 127.0.0.1 or localhost and send no Origin header, or start it with"
            ' --secret-file."}'
        ),
    ),
    (
        edge.ServiceUnavailable(3),
        503,
        JSON,
        '{"status":"ERROR","message":"Service unavailable; send the same request again later."}',
    ),
    (
        edge.OutcomeUnknown(),
        504,
        JSON,
        ('{"status":"ERROR","message":"The outcome is unknown; send the same request again."}'),
    ),
    (
        edge.MalformedBody("unexpected character"),
        400,
        JSON,
        (
            '{"status":"ERROR","message":"Malformed json in the body!",'
            '"error":"unexpected character","input":null}'
        ),
    ),
    (
        edge.TooManyContainers(),
        400,
        JSON,
        '{"status":"ERROR","message":"Request rejected: more than 1000000 objects and arrays"}',
    ),
    (
        in_batch.WrongArgumentType("#/table_name", "String", "Integer"),
        400,
        JSON,
        NOT_VALID + '#/table_name: expected type: String, found: Integer"}',
    ),
    (
        in_batch.ArgumentMissing("schema"),
        400,
        JSON,
        NOT_VALID + '#: required key [schema] not found"}',
    ),
    (
        in_batch.ArgumentUnknown("foo"),
        400,
        JSON,
        NOT_VALID + '#: extraneous key [foo] is not permitted"}',
    ),
    (
        in_batch.TableNameEmpty(),
        400,
        JSON,
        NOT_VALID + '#/table_name: expected minLength: 1, actual: 0"}',
    ),
    (
        in_batch.TableVersionOutOfRange(),
        400,
        JSON,
        NOT_VALID + '#/table_version: expected a signed 64-bit integer"}',
    ),
    (
        in_batch.NoMessages(),
        400,
        JSON,
        NOT_VALID + '#/messages: expected minimum item count: 1, found: 0"}',
    ),
    (
        in_batch.TooManyMessages(20001),
        400,
        JSON,
        NOT_VALID + '#/messages: expected maximum item count: 20000, found: 20001"}',
    ),
    (
        in_batch.MessageInvalid(7, ([": a", "/sequence: b"], [": c"])),
        400,
        JSON,
        NOT_VALID + "#/messages/7: #: 0 subschemas matched instead of one"
        " #/messages/7: 2 schema violations found #/messages/7: a #/messages/7/sequence: b"
        ' #/messages/7: c"}',
    ),
    (
        in_batch.SequenceTooHigh(),
        400,
        JSON,
        NOT_VALID + '#: sequence can not be above 9223372036854775807"}',
    ),
    (
        in_batch.SequenceTooLow(),
        400,
        JSON,
        NOT_VALID + '#: sequence can not be below -9223372036854775808"}',
    ),
    (in_batch.SchemaInvalid("why"), 400, JSON, '{"error":"Invalid JSON schema: why"}'),
    (
        in_batch.SchemaTypeUnknown("foo"),
        400,
        JSON,
        '{"error":"Invalid JSON schema: unknown type: [foo]"}',
    ),
    (
        in_batch.SubschemaNotObject("String"),
        400,
        JSON,
        (
            '{"error":"Invalid JSON schema: key null: expected type is one of JSONObject,'
            ' found: String"}'
        ),
    ),
    (
        in_batch.RecordNotConforming(35, ["#: a", "#/b: c"]),
        400,
        JSON,
        '{"error":"Record 35 did not conform to schema: #: a #/b: c"}',
    ),
    (
        in_batch.RecordMissingKey("created_at"),
        400,
        JSON,
        '{"error":"Record is missing key property created_at"}',
    ),
    (
        in_batch.RecordKeyTooLong(),
        400,
        JSON,
        '{"error":"String keys cannot be longer than 1024 characters"}',
    ),
    (
        in_batch.RecordTooDeep(3),
        400,
        JSON,
        '{"error":"Record 3 is nested deeper than 100 levels"}',
    ),
    (
        in_batch.RecordTooManyPoints(3),
        400,
        JSON,
        '{"error":"Record 3 has more than 10000 data points"}',
    ),
    (
        in_push.NotAnArray(),
        400,
        JSON,
        '{"status":"ERROR","message":"An array of records is expected"}',
    ),
    (
        in_push.NoRecords(),
        400,
        JSON,
        '{"status":"ERROR","message":"An array of records is expected"}',
    ),
    (
        in_push.TooManyRecords(20001),
        400,
        JSON,
        (
            '{"status":"ERROR","message":'
            '"Request rejected: 20001 records exceed the maximum of 20000"}'
        ),
    ),
    (
        in_push.ClientIdMissing(),
        401,
        JSON,
        '{"status":"ERROR","error":"Not Authenticated.","errors":null}',
    ),
    (
        in_push.ForeignClient(),
        403,
        JSON,
        (
            '{"status":"ERROR","error":"Forbidden",'
            '"errors":{"error":"Access token is not associated with this client."}}'
        ),
    ),
    (
        in_push.RecordsRefused([{"sequence": [in_push.BLANK]}, {"data": [in_push.KEYS_NULL]}]),
        422,
        JSON,
        REASON + '[{"reason":{"sequence":["can\'t be blank"]}},'
        '{"reason":{"data":["keys cannot not be null in data"]}}]}',
    ),
    (
        in_push.SeveralClients(7723),
        422,
        JSON,
        REASON + '[{"reason":"The batch contains data points for multiple clients.'
        ' Only client_id 7723 is allowed"}]}',
    ),
]


@pytest.mark.parametrize(
    ("refusal", "status", "content_type", "body"), LITERAL, ids=[row[0].code for row in LITERAL]
)
def test_says_no_byte_for_byte(refusal: Refusal, status: int, content_type: str, body: str) -> None:
    assert (refusal.status, refusal.content_type) == (status, content_type)
    assert refusal.body == body.encode()


def all_kinds(base: type[Refusal]) -> set[type[Refusal]]:
    below = base.__subclasses__()
    return set(below).union(*(all_kinds(kind) for kind in below))


def test_every_refusal_is_in_the_table_above() -> None:
    for module in pkgutil.iter_modules(protocol.refusals.__path__):
        importlib.import_module(f"protocol.refusals.{module.name}")
    with_a_code = {kind for kind in all_kinds(Refusal) if "code" in vars(kind)}

    assert {type(row[0]) for row in LITERAL} | {in_batch.EnvelopeInvalid} == with_a_code


def test_no_two_refusals_share_a_code() -> None:
    codes = [row[0].code for row in LITERAL]

    assert len(set(codes)) == len(codes)


def test_only_overload_names_a_time_to_come_back() -> None:
    later = {row[0].code: row[0].retry_after_seconds for row in LITERAL}

    assert later.pop("service_unavailable") == 3
    assert set(later.values()) == {None}


def test_a_wrong_method_names_the_right_ones() -> None:
    assert edge.MethodNotAllowed("POST").allow == "POST"


def test_without_a_media_type_the_answer_says_so() -> None:
    assert b"Unsupported content-type (none). Please" in edge.PushMediaTypeRefused("").body


def test_what_is_repeated_from_a_request_is_bounded() -> None:
    assert shown("x" * 257) == "x" * 256 + "…"
    assert len(in_batch.ArgumentUnknown("é" * 1_000_000).body) < 1_000


def test_a_header_that_is_not_unicode_can_be_repeated() -> None:
    """A server decodes header bytes with surrogates, which JSON cannot hold."""
    assert b"caf?" in edge.PushMediaTypeRefused("caf\udce9").body
