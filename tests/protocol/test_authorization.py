"""The four answers of the parser that ingest, Connect, history and the relay share."""

import pytest

from protocol.authorization import NoToken, bearer_token

PATH = "/v2/import/push"
TOKEN = "at_" + "a" * 49


@pytest.mark.parametrize(
    "value",
    [
        f"Bearer {TOKEN}",
        f"bearer {TOKEN}",
        f"BEARER  {TOKEN} ",
        f"Bearer: {TOKEN}",
        f"Bearer\t{TOKEN}",
    ],
)
def test_a_token_is_read_whatever_the_case_and_space_of_its_scheme(value: str) -> None:
    assert bearer_token(PATH, [value]) == TOKEN


@pytest.mark.parametrize("text", ["", "at_cut", "two words", "\udcff", "a secret"])
def test_a_token_is_any_text(text: str) -> None:
    assert bearer_token(PATH, [f"Bearer {text}"]) == text


@pytest.mark.parametrize("values", [[], [""], ["Basic YTpi"], [TOKEN], [f"Bearer:: {TOKEN}"]])
def test_without_the_scheme_bearer_the_token_is_missing(values: list[str]) -> None:
    assert bearer_token(PATH, values) is NoToken.MISSING


@pytest.mark.parametrize("values", [[f"Bearer {TOKEN}"] * 2, ["", ""], ["Basic YTpi", "Bearer x"]])
def test_several_headers_are_several_even_if_they_are_alike(values: list[str]) -> None:
    assert bearer_token(PATH, values) is NoToken.SEVERAL


@pytest.mark.parametrize("values", [[], [f"Bearer {TOKEN}"], [f"Bearer {TOKEN}"] * 2])
@pytest.mark.parametrize("prefix", ["at_", "ac_"])
def test_a_token_in_the_query_comes_before_all_else(prefix: str, values: list[str]) -> None:
    assert bearer_token(f"{PATH}?token={prefix}{'a' * 49}", values) is NoToken.IN_URL


@pytest.mark.parametrize("path", ["/events?after=at_1", f"/{TOKEN}", f"{PATH}?token={TOKEN}x"])
def test_what_is_not_a_token_in_the_query_is_ignored(path: str) -> None:
    assert bearer_token(path, [f"Bearer {TOKEN}"]) == TOKEN
