import pytest

from services.runtime.config import Secret
from services.runtime.database import in_database


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@host:5432/main", "postgresql://u:p@host:5432/other"),
        ("postgresql://host", "postgresql://host/other"),
        ("postgresql:///main?host=/tmp/socket", "postgresql:///other?host=/tmp/socket"),
        ("postgresql://a:1,b:2/main?ssl=require", "postgresql://a:1,b:2/other?ssl=require"),
        ("postgresql://u:%3F%2F%40@[::1]:5432/main", "postgresql://u:%3F%2F%40@[::1]:5432/other"),
    ],
)
def test_only_the_database_of_a_url_is_replaced(url: str, expected: str) -> None:
    assert in_database(url, "other") == in_database(Secret(url), "other") == Secret(expected)
