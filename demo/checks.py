"""What must be so. The demo stops at the first thing that is not."""


class Mismatch(Exception):
    """Something is not as it must be; the sentence says what."""


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Mismatch(f"{what}: found {found}, expected {wanted}")
