import re
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import Counter, Gauge, Histogram

from services.runtime import metrics
from services.runtime.metrics import CATALOGUE
from tests.deploy.reference import PAGES, events, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_says_what_the_code_says(name: str) -> None:
    """If this fails: python -m tests.deploy.reference writes the page anew."""
    assert (PAGES / name).read_text("utf-8") == pages()[name]


def test_every_metric_of_ours_is_in_the_catalogue() -> None:
    registered = {
        sample
        for metric in prometheus_client.REGISTRY.collect()
        for sample in [metric.name + ("_total" if metric.type == "counter" else "")]
        if sample.startswith("pushgate_")
    }

    assert registered == {entry.name for entry in CATALOGUE}


def test_every_metric_is_set_by_somebody() -> None:
    """One that is only declared tells 0 for ever."""
    declared = {
        name
        for name, value in vars(metrics).items()
        if isinstance(value, Counter | Gauge | Histogram)
    }
    sources = "\n".join(
        path.read_text("utf-8")
        for folder in ("services", "cli")
        for path in Path(folder).rglob("*.py")
        if path.name != "metrics.py"
    )

    assert {name for name in declared if not re.search(rf"\b{name}\b", sources)} == set()


def test_a_metric_that_counts_a_unit_ends_in_it() -> None:
    """Prometheus' own rule, for the units that can be mistaken."""
    for entry in CATALOGUE:
        if entry.unit in {"seconds", "bytes"}:
            assert entry.name.removesuffix("_total").endswith(f"_{entry.unit}"), entry.name


def test_every_log_event_tells_its_meaning() -> None:
    assert [event.name for event in events() if not event.meaning] == []


def test_the_events_that_programs_log_are_those_listed() -> None:
    """The type checker sees to the other direction; this finds a listed event nobody logs."""
    sources = [
        path.read_text("utf-8")
        for folder in ("services", "cli")
        for path in Path(folder).rglob("*.py")
        if path.name != "logs.py"
    ]

    unused = [e.name for e in events() if not any(f'"{e.name}"' in text for text in sources)]

    assert unused == []
