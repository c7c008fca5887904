"""The type names of everit's validator, which clients expect in errors (wire contract 2.2)."""

from decimal import Decimal
from typing import Any

_INTEGER = 2**31
_LONG = 2**63
_NAMES = {
    type(None): "Null",
    bool: "Boolean",
    str: "String",
    list: "JSONArray",
    dict: "JSONObject",
    float: "Double",
    Decimal: "Double",
}
# The same words where a schema expects something; null alone is written as it is.
EXPECTED = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "null": "null",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}


def found_type(value: Any) -> str:
    if type(value) is int:
        if -_INTEGER <= value < _INTEGER:
            return "Integer"
        return "Long" if -_LONG <= value < _LONG else "BigInteger"
    return _NAMES[type(value)]
