"""Refusals of a parsed push or validate request."""

from protocol.limits import (
    DATA_POINTS_MAX,
    KEY_CHARACTERS_MAX,
    NESTING_LEVELS_MAX,
    RECORDS_MAX,
    SEQUENCE_MAX,
    SEQUENCE_MIN,
)
from protocol.refusals import Refusal


class NotAnArray(Refusal):
    """P1: the root is not an array, or an element is not a record."""

    code = "not_an_array"
    status = 400

    def __init__(self) -> None:
        super().__init__({"status": "ERROR", "message": "An array of records is expected"})


class NoRecords(NotAnArray):
    """P18."""

    code = "no_records"


class TooManyRecords(Refusal):
    """P17."""

    code = "too_many_records"
    status = 400

    def __init__(self, records: int) -> None:
        message = f"Request rejected: {records} records exceed the maximum of {RECORDS_MAX}"
        super().__init__({"status": "ERROR", "message": message})


class ClientIdMissing(Refusal):
    """P4: in the first record."""

    code = "client_id_missing"
    status = 401

    def __init__(self) -> None:
        super().__init__({"status": "ERROR", "error": "Not Authenticated.", "errors": None})


class ForeignClient(Refusal):
    """P7."""

    code = "foreign_client"
    status = 403

    def __init__(self) -> None:
        errors = {"error": "Access token is not associated with this client."}
        super().__init__({"status": "ERROR", "error": "Forbidden", "errors": errors})


class RecordsRefused(Refusal):
    """P11 to P16: the errors of each invalid record, in order. The whole push is refused."""

    code = "records_refused"
    status = 422

    def __init__(self, reasons: list[str] | list[dict[str, list[str]]]) -> None:
        super().__init__(
            {
                "status": "ERROR",
                "error": "Request cannot be processed; see errors.",
                "errors": [{"reason": reason} for reason in reasons],
            }
        )


class SeveralClients(RecordsRefused):
    """P11."""

    code = "several_clients"

    def __init__(self, client_id: int) -> None:
        reason = (
            "The batch contains data points for multiple clients."
            f" Only client_id {client_id} is allowed"
        )
        super().__init__([reason])


# Error texts for the fields of a record (P12 to P16).
BLANK = "can't be blank"
UNKNOWN_KEY = "unknown key"
NOT_AN_INTEGER = "should be an integer"
NOT_A_NUMBER = "should be a number"
NOT_A_STRING = "should be a string"
NOT_NAMES = "should be an array of strings"
NOT_AN_OBJECT = "data must be an object"
KEYS_ABSENT = "data must include keys"
KEYS_NULL = "keys cannot not be null in data"
KEY_TOO_LONG = f"String keys cannot be longer than {KEY_CHARACTERS_MAX} characters"
TOO_DEEP = f"data cannot be nested deeper than {NESTING_LEVELS_MAX} levels"
TOO_MANY_POINTS = f"data cannot have more than {DATA_POINTS_MAX} data points"
TOO_HIGH = f"should be less than or equal to {SEQUENCE_MAX}"
TOO_LOW = f"should be greater than or equal to {SEQUENCE_MIN}"
PUSH_ACTIONS = frozenset({"upsert", "switch_view"})
UNKNOWN_ACTION = f"must be one of: {', '.join(sorted(PUSH_ACTIONS))}"
