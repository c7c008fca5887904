import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tokens.domain.schema_name import derive_schema_name, is_usable


@pytest.mark.parametrize(
    ("display_name", "schema_name"),
    [
        ("Import API", "import_api"),
        ("Customer Records", "customer_records"),
        ("Recurly Stitch", "recurly_stitch"),
        ("test iapi", "test_iapi"),
        ("Import API tokens example", "import_api_tokens_example"),
        ("<DISPLAY_NAME!!!>", "display_name"),
        ("####", ""),
        ("a-b.c (d)", "a_bc_d"),
        ("Prices in $", "prices_in_$"),
        ("Caf\u00e9", "caf"),
        ("\u0130x", "ix"),
        ("a\tb\u00a0c", "abc"),
    ],
)
def test_wire_contract_4_6(display_name: str, schema_name: str) -> None:
    assert derive_schema_name(display_name) == schema_name


@pytest.mark.parametrize("name", ["import_api", "_x", "a$", "x" * 49, "ledger", "publics", "pg"])
def test_usable_names(name: str) -> None:
    assert is_usable(name)


@pytest.mark.parametrize(
    "name",
    ["", "1st", "$x", "x" * 50, "public", "information_schema", "_pushgate", "pg_catalog", "a\n"],
)
def test_unusable_names(name: str) -> None:
    assert not is_usable(name)


@given(st.text())
def test_whatever_the_text_nothing_but_safe_characters_remain(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_$]*", derive_schema_name(text))


@given(st.text())
def test_deriving_again_changes_nothing(text: str) -> None:
    once = derive_schema_name(text)

    assert derive_schema_name(once) == once
