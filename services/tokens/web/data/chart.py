"""Where the bars of a day stand: requests taken and refused by the hour. Pure; a template draws."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

HOURS = 24
HOUR = timedelta(hours=1)

# The drawing's own units; the page scales it to the width there is.
WIDTH, HEIGHT = 720.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 4.0, 10.0, 26.0
GAP = 6.0
# A single refusal beside a million pushes must still be seen.
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
    """``told``: the whole in a sentence, for those who do not see the drawing."""

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
    """The hour that is under way and those before it; keys are the beginnings of hours."""
    this = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    beginnings = [this - HOUR * back for back in reversed(range(HOURS))]
    return [HourTotals(at, accepted.get(at, 0), refused.get(at, 0)) for at in beginnings]


def lay_out_chart(hours: list[HourTotals]) -> Chart:
    """Taken ones stand on the line of zero, refused ones hang below it, in one scale."""
    most_up = max((hour.accepted for hour in hours), default=0)
    most_down = max((hour.refused for hour in hours), default=0)
    step = _grid_step(most_up + most_down)
    up, down = _round_up(most_up, step), _round_up(most_down, step)
    up = up or (0 if down else step)
    scale = (HEIGHT - TOP - BOTTOM) / (up + down)
    zero = TOP + up * scale
    slot = (WIDTH - LEFT - RIGHT) / max(len(hours), 1)
    bars: list[Bar] = []
    for place, hour in enumerate(hours):
        x = LEFT + place * slot + GAP / 2
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
            AxisTick(round(LEFT + (place + 0.5) * slot, 1), f"{hour.begins:%H:%M}")
            for place, hour in enumerate(hours)
            if hour.begins.hour % LABEL_EVERY_HOURS == 0
        ],
        description=_description(hours),
    )


def _hour_bars(hour: HourTotals, x: float, width: float, zero: float, scale: float) -> list[Bar]:
    when = f"{hour.begins:%Y-%m-%d %H:%M} UTC"
    bars: list[Bar] = []
    if hour.accepted:
        height = max(hour.accepted * scale, BAR_HEIGHT_MIN)
        told = f"{when}: {hour.accepted:,} accepted"
        bars.append(_bar("accepted", x, zero - height, width, height, told))
    if hour.refused:
        height = max(hour.refused * scale, BAR_HEIGHT_MIN)
        bars.append(_bar("refused", x, zero, width, height, f"{when}: {hour.refused:,} refused"))
    return bars


def _bar(kind: str, x: float, y: float, width: float, height: float, told: str) -> Bar:
    return Bar(kind, round(x, 1), round(y, 1), round(width, 1), round(height, 1), told)


def _grid_step(most: int) -> int:
    """1, 2 or 5 times a power of ten, so that few lines reach over what there is."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if most <= factor * power * GRID_LINES_MAX:
                return factor * power
        power *= 10


def _round_up(most: int, step: int) -> int:
    return -(-most // step) * step


def _description(hours: list[HourTotals]) -> str:
    accepted, refused = sum(h.accepted for h in hours), sum(h.refused for h in hours)
    if not accepted and not refused:
        return "Nothing was sent in the last 24 hours."
    told = f"In the last 24 hours {accepted:,} requests were accepted and {refused:,} refused."
    if accepted:
        busiest = max(hours, key=lambda hour: hour.accepted)
        told += f" The busiest hour began at {busiest.begins:%H:%M} UTC, with {busiest.accepted:,}."
    return told
