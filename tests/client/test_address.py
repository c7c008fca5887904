"""An address that no request can be sent to is told at once, not when everything waits."""

import pytest

from pushgate_client import PushClient
from pushgate_client.address import gate_address


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8801", "https://push.example.com", "http://[::1]:1", "http://a/behind/it"],
)
def test_an_address_is_taken_without_its_last_slash(address: str) -> None:
    assert gate_address(f"{address}/") == gate_address(address) == address


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "http://"),
        ("127.0.0.1:8801", "http://"),
        ("ftp://127.0.0.1", "http://"),
        ("http://", "a host"),
        ("http://127.0.0.1:99999", "http://"),
        ("http://127.0.0.1:80 80", "http://"),
        ("http://127.0.0.1\n", "http://"),
        ("http://me:mine@127.0.0.1", "no user name or password"),
        ("http://127.0.0.1?a=b", "no query"),
        ("http://127.0.0.1/v2/import/push", "Leave that out"),
    ],
)
def test_what_is_no_address_of_a_gate_is_refused(address: str, told: str) -> None:
    with pytest.raises(ValueError, match="gate's address") as no:
        PushClient(address, token="t", client_id=1)

    assert told in str(no.value)
    assert "mine" not in str(no.value)
