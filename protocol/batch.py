"""Validate the body of a batch (wire contract 1.3, in the order of 2.5).

As with a push, an ordinary batch is validated column by column and with one call of the compiled
schema; any other batch is validated message by message (``batch_messages``), which names the error.
"""

from collections.abc import Iterable
from operator import countOf, itemgetter
from typing import Any

from protocol.batch_envelope import check_envelope
from protocol.batch_messages import check_each_message, is_version_switch
from protocol.bodies import fast_batch_is_lossless, parse_batch_fast, parse_batch_lossless
from protocol.json_text import may_contain_long_decimals
from protocol.key_columns import keys_in_order
from protocol.limits import SCHEMA_WORK_MAX
from protocol.nesting import within_limits
from protocol.refusals import Refusal
from protocol.schemas.compiled import SCHEMAS
from protocol.sequences import are_sequences
from protocol.table_names import storable
from protocol.validation import Validated, refused_before_owner_check

_sequence = itemgetter("sequence")
_action = itemgetter("action")
_data = itemgetter("data")
_time_extracted = itemgetter("time_extracted")
_REQUIRED = frozenset({"action", "sequence", "data"})
_OPTIONAL = frozenset({"time_extracted"})


def check_batch(body: bytes, *, work_max: int = SCHEMA_WORK_MAX) -> Validated:
    """Never raises because of the content of ``body``.

    ``work_max`` is in the unit of SCHEMA_WORK_MAX. If it is lower than that limit and validation
    might exceed it, raises TooExpensiveInline.
    """
    try:
        request = parse_batch_fast(body)
    except Refusal as refusal:
        return refused_before_owner_check(refusal)
    checked = _check_columns(request, body, work_max)
    if checked is not None:
        return checked
    exact = request if fast_batch_is_lossless(body) else parse_batch_lossless(body)
    return check_each_message(exact, body, work_max)


def _check_columns(request: Any, body: bytes, work_max: int = SCHEMA_WORK_MAX) -> Validated | None:
    """None if the batch is not an ordinary one, valid or not."""
    try:
        check_envelope(request)
        return _check_ordinary_batch(request, body, work_max)
    except (Refusal, KeyError):
        return None


def _check_ordinary_batch(request: dict[str, Any], body: bytes, work_max: int) -> Validated | None:
    messages = request["messages"]
    # target-stitch ends the last batch of a table with an activate_version message.
    upserts = messages[:-1] if is_version_switch(messages[-1]) else messages
    if not upserts or not _upserts_ordinary(upserts):
        return None
    datas = list(map(_data, upserts))
    if set(map(type, datas)) != {dict}:
        return None
    schema = SCHEMAS.compiled(request["schema"])
    schema.refuse_if_too_expensive(datas, body, work_max)
    if schema.needs_exact_decimals and may_contain_long_decimals(body):
        return None
    if (
        not within_limits(datas)
        or not schema.accepts(datas)
        or not keys_in_order(request.get("key_names", ()), datas)
        or not are_sequences([messages[-1]["sequence"]])
    ):
        return None
    tables = ((storable(request["table_name"]), len(messages)),)
    return Validated(
        len(messages), tables, None, None, None, append_only=not request.get("key_names")
    )


def _upserts_ordinary(upserts: list[Any]) -> bool:
    if set(map(type, upserts)) != {dict}:
        return False
    arguments = upserts[0].keys()
    return (
        _REQUIRED <= arguments <= _REQUIRED | _OPTIONAL
        and set(map(len, upserts)) == {len(arguments)}
        and countOf(map(_action, upserts), "upsert") == len(upserts)
        and are_sequences(list(map(_sequence, upserts)))
        and ("time_extracted" not in arguments or _are_strings(map(_time_extracted, upserts)))
    )


def _are_strings(values: Iterable[Any]) -> bool:
    return set(map(type, values)) == {str}
