from cli.commands.psql import without_password
from services.runtime.config import Secret


def test_a_password_is_taken_out_and_unquoted() -> None:
    url, password = without_password(Secret("postgresql://u:p%40ss%2F@h:5432/d?sslmode=require"))

    assert url == "postgresql://u@h:5432/d?sslmode=require"
    assert password == Secret("p@ss/")


def test_without_a_password_nothing_changes() -> None:
    assert without_password(Secret("postgresql://h/d")) == ("postgresql://h/d", None)
