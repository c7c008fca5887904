"""Validate the arguments of a batch and the number of its messages (B1-B3, B15-B17)."""

from typing import Any

from protocol.json_types import EXPECTED, found_type
from protocol.limits import RECORDS_MAX, SEQUENCE_MAX, SEQUENCE_MIN
from protocol.refusals.batch import (
    ArgumentMissing,
    ArgumentUnknown,
    NoMessages,
    TableNameEmpty,
    TableVersionOutOfRange,
    TooManyMessages,
    WrongArgumentType,
)
from protocol.table_names import storable

REQUIRED = ("table_name", "schema", "messages")
# In the order in which they are checked, with the name that everit gives to the expected type.
_TYPES: dict[str, tuple[type, str]] = {
    "table_name": (str, EXPECTED["string"]),
    "table_version": (int, EXPECTED["integer"]),
    "schema": (dict, EXPECTED["object"]),
    "key_names": (list, EXPECTED["array"]),
    "bookmark_names": (list, EXPECTED["array"]),
    "messages": (list, EXPECTED["array"]),
}


def check_envelope(request: Any) -> None:
    """Raises the refusals of ``protocol.refusals.batch``, in the order of section 2.5."""
    if type(request) is not dict:
        raise WrongArgumentType("#", EXPECTED["object"], found_type(request))
    for argument in REQUIRED:
        if argument not in request:
            raise ArgumentMissing(argument)
    for argument in request:
        if argument not in _TYPES:
            raise ArgumentUnknown(argument)
    _check_types(request)
    if not request["messages"]:
        raise NoMessages
    if len(request["messages"]) > RECORDS_MAX:
        raise TooManyMessages(len(request["messages"]))
    if "key_names" in request and request["key_names"] is None:
        raise WrongArgumentType("#/key_names", EXPECTED["array"], "Null")


def _check_types(request: dict[str, Any]) -> None:
    for argument, (expected, word) in _TYPES.items():
        value = request.get(argument)
        if argument not in request or (value is None and argument == "key_names"):
            continue
        if type(value) is not expected:
            raise WrongArgumentType(f"#/{argument}", word, found_type(value))
    if not storable(request["table_name"]):
        raise TableNameEmpty
    if not SEQUENCE_MIN <= request.get("table_version", 0) <= SEQUENCE_MAX:
        raise TableVersionOutOfRange
    for argument in ("key_names", "bookmark_names"):
        for index, name in enumerate(request.get(argument) or ()):
            if type(name) is not str:
                where = f"#/{argument}/{index}"
                raise WrongArgumentType(where, EXPECTED["string"], found_type(name))
