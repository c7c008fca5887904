"""Expectations; the demo stops at the first one that is not met."""


class Mismatch(Exception):
    """An expectation is not met; the message says which."""


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Mismatch(f"{what}: found {found}, expected {wanted}")
