"""The layout of the bar chart of accepted and refused requests by the hour. Pure; SVG coordinates.

``templates/chart.html`` draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

HOURS = 24
HOUR = timedelta(hours=1)

# In SVG units; the browser scales the chart to the width of the page.
WIDTH, HEIGHT = 720.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 4.0, 10.0, 26.0
GAP = 6.0
# One refusal next to a million accepted requests must still be visible.
BAR_HEIGHT_MIN = 2.0
LABEL_EVERY_HOURS = 4
GRID_LINES_MAX = 4


class HourTotals(NamedTuple):
    begins: datetime
    accepted: int
    refused: int


class Bar(NamedTuple):
    kind: str  # accepted or refused
    x: float
    y: float
    width: float
    height: float
    title: str


class GridLine(NamedTuple):
    y: float
    label: str


class AxisTick(NamedTuple):
    x: float
    label: str


class Chart(NamedTuple):
    """``description``: the whole chart in a sentence, for screen readers."""

    width: float
    height: float
    hours: list[HourTotals]
    bars: list[Bar]
    grid_lines: list[GridLine]
    ticks: list[AxisTick]
    description: str


def last_hours(
    now: datetime, accepted: Mapping[datetime, int], refused: Mapping[datetime, int]
) -> list[HourTotals]:
    """The current hour and the 23 before it. The keys are the beginnings of hours."""
    this = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    beginnings = [this - HOUR * back for back in reversed(range(HOURS))]
    return [HourTotals(at, accepted.get(at, 0), refused.get(at, 0)) for at in beginnings]


def lay_out_chart(hours: list[HourTotals]) -> Chart:
    """Accepted requests go up from the zero line, refused ones go down, on one scale."""
    accepted_max = max((hour.accepted for hour in hours), default=0)
    refused_max = max((hour.refused for hour in hours), default=0)
    step = _grid_step(accepted_max + refused_max)
    up, down = _round_up(accepted_max, step), _round_up(refused_max, step)
    up = up or (0 if down else step)
    scale = (HEIGHT - TOP - BOTTOM) / (up + down)
    zero = TOP + up * scale
    slot = (WIDTH - LEFT - RIGHT) / max(len(hours), 1)
    bars: list[Bar] = []
    for index, hour in enumerate(hours):
        x = LEFT + index * slot + GAP / 2
        bars += _hour_bars(hour, x, slot - GAP, zero, scale)
    levels = range(-down, up + 1, step)
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        hours=hours,
        bars=bars,
        grid_lines=[
            GridLine(round(zero - level * scale, 1), f"{abs(level):,}") for level in levels
        ],
        ticks=[
            AxisTick(round(LEFT + (index + 0.5) * slot, 1), f"{hour.begins:%H:%M}")
            for index, hour in enumerate(hours)
            if hour.begins.hour % LABEL_EVERY_HOURS == 0
        ],
        description=_description(hours),
    )


def _hour_bars(hour: HourTotals, x: float, width: float, zero: float, scale: float) -> list[Bar]:
    time = f"{hour.begins:%Y-%m-%d %H:%M} UTC"
    bars: list[Bar] = []
    if hour.accepted:
        height = max(hour.accepted * scale, BAR_HEIGHT_MIN)
        title = f"{time}: {hour.accepted:,} accepted"
        bars.append(_bar("accepted", x, zero - height, width, height, title))
    if hour.refused:
        height = max(hour.refused * scale, BAR_HEIGHT_MIN)
        title = f"{time}: {hour.refused:,} refused"
        bars.append(_bar("refused", x, zero, width, height, title))
    return bars


def _bar(kind: str, x: float, y: float, width: float, height: float, title: str) -> Bar:
    return Bar(kind, round(x, 1), round(y, 1), round(width, 1), round(height, 1), title)


def _grid_step(total: int) -> int:
    """1, 2 or 5 times a power of ten, so that at most ``GRID_LINES_MAX`` steps cover ``total``."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if total <= factor * power * GRID_LINES_MAX:
                return factor * power
        power *= 10


def _round_up(count: int, step: int) -> int:
    return -(-count // step) * step


def _description(hours: list[HourTotals]) -> str:
    accepted, refused = sum(h.accepted for h in hours), sum(h.refused for h in hours)
    if not accepted and not refused:
        return "No requests in the last 24 hours."
    text = f"In the last 24 hours, {accepted:,} requests were accepted and {refused:,} refused."
    if accepted:
        busiest = max(hours, key=lambda hour: hour.accepted)
        text += f" The busiest hour began at {busiest.begins:%H:%M} UTC, with {busiest.accepted:,}."
    return text
