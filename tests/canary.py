"""A plugin: a test that prints or logs the text of a token fails."""

from collections.abc import Generator

import pytest

from tests.secrecy import tokens_in


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    places = [name for name, text in report.sections if tokens_in(text)]
    if places and report.passed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a token's text stands in {places}, while {call.when}"
    return report
