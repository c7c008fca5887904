"""Whether a batch is taken: wire contract 1.3, in the order of 2.5.

As with a push, the ordinary batch is decided by columns and by one call of the compiled schema;
any other is looked at message by message (``batch_messages``), which also says what is wrong.
"""

from collections.abc import Iterable
from operator import countOf, itemgetter
from typing import Any

from protocol.batch_envelope import check_envelope
from protocol.batch_messages import check_each, is_switch
from protocol.bodies import exact_batch, quick_batch, quick_batch_is_exact
from protocol.json_text import may_hold_long_decimals
from protocol.key_columns import keys_in_order
from protocol.limits import SCHEMA_WORK_MAX
from protocol.nesting import within_limits
from protocol.refusals import Refusal
from protocol.schemas.compiled import SCHEMAS
from protocol.sequences import are_sequences
from protocol.table_names import storable
from protocol.validation import Checked, refused_early

_sequence = itemgetter("sequence")
_action = itemgetter("action")
_data = itemgetter("data")
_time_extracted = itemgetter("time_extracted")
_REQUIRED = frozenset({"action", "sequence", "data"})
_OPTIONAL = frozenset({"time_extracted"})


def check_batch(body: bytes, *, work_max: int = SCHEMA_WORK_MAX) -> Checked:
    """Never raises for anything in ``body``.

    But for a ``work_max`` below the limit (in its unit): then TooDearHere, when it might be more.
    """
    try:
        request = quick_batch(body)
    except Refusal as refusal:
        return refused_early(refusal)
    checked = _check_as_columns(request, body, work_max)
    if checked is not None:
        return checked
    exact = request if quick_batch_is_exact(body) else exact_batch(body)
    return check_each(exact, body, work_max)


def _check_as_columns(request: Any, body: bytes, work_max: int = SCHEMA_WORK_MAX) -> Checked | None:
    """None for whatever is not ordinary: wrong or not."""
    try:
        check_envelope(request)
        return _ordinary(request, body, work_max)
    except (Refusal, KeyError):
        return None


def _ordinary(request: dict[str, Any], body: bytes, work_max: int) -> Checked | None:
    messages = request["messages"]
    # target-stitch ends a table's last batch with the switch to its version.
    upserts = messages[:-1] if is_switch(messages[-1]) else messages
    if not upserts or not _upserts_ordinary(upserts):
        return None
    datas = list(map(_data, upserts))
    if set(map(type, datas)) != {dict}:
        return None
    schema = SCHEMAS.compiled(request["schema"])
    schema.refuse_costly(datas, body, work_max)
    if schema.counts_in_decimals and may_hold_long_decimals(body):
        return None
    if (
        not within_limits(datas)
        or not schema.accepts(datas)
        or not keys_in_order(request.get("key_names", ()), datas)
        or not are_sequences([messages[-1]["sequence"]])
    ):
        return None
    tables = ((storable(request["table_name"]), len(messages)),)
    return Checked(
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
