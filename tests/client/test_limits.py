"""The client imports nothing of ours, so what it must know of the gate is compared here."""

from protocol import limits as gate
from pushgate_client import limits
from services.receiving.body_reader import BODY_BYTES_PER_SECOND_MIN


def test_the_clients_limits_are_the_gates() -> None:
    assert limits.BODY_BYTES_MAX == gate.BODY_BYTES_MAX
    assert limits.RECORDS_MAX == gate.RECORDS_MAX
    assert limits.SEQUENCE_MAX == gate.SEQUENCE_MAX
    assert limits.UPLOAD_BYTES_PER_SECOND_MIN == BODY_BYTES_PER_SECOND_MIN


def test_what_is_sent_by_default_fits_them() -> None:
    assert limits.REQUEST_RECORDS <= gate.RECORDS_MAX
    assert limits.REQUEST_BYTES <= gate.BODY_BYTES_MAX
    assert limits.IN_DELIVERY_BYTES_MAX >= gate.BODY_BYTES_MAX
