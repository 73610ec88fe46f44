"""The axes of a chart: from a value to its place, and the ticks that a reader counts along."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clearprop.base.numbers import SUPERSCRIPTS, number

# About so many ticks stand at an axis.
TICKS = 5
# Room between the outermost values and the ends of an axis, as a part of it.
ROOM = 0.04
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tick(NamedTuple):
    """A value of an axis, and what is written there."""

    value: float
    written: str


@dataclass(frozen=True)
class ChartAxis:
    """An axis from `low` to `high`, straight or logarithmic."""

    low: float
    high: float
    label: str
    ticks: tuple[Tick, ...]
    is_log: bool = False

    def at(self, value: float) -> float:
        """The place of a value as a part of the axis: 0 at `low`, 1 at `high`. What lies beyond an
        end stands at the end."""
        if self.is_log:
            low, high = math.log10(self.low), math.log10(self.high)
            part = (math.log10(value) - low) / (high - low) if value > 0 else 0.0
        else:
            part = (value - self.low) / (self.high - self.low)
        return min(max(part, 0.0), 1.0)


def number_axis(values: Iterable[float], label: str, *, from_zero: bool = False) -> ChartAxis:
    """A straight axis around all finite values; `from_zero` has it begin, or end, at 0."""
    low, high = _range(values)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        room = abs(low) / 2 or 1.0
        low, high = (low - (low != 0 or not from_zero) * room, high + room)
    room = ROOM * (high - low)
    low = low if from_zero and low == 0 else low - room
    high = high if from_zero and high == 0 else high + room
    return ChartAxis(low, high, label, _number_ticks(low, high))


def log_axis(values: Iterable[float], label: str) -> ChartAxis:
    """A logarithmic axis around all values above 0."""
    low, high = _range(value for value in values if value > 0)
    if low <= 0 or low == high:
        low, high = (low or 1.0) / 2, (high or 1.0) * 2
    low, high = low / 1.08, high * 1.08
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    if last - first < 1:
        # Within about one power of ten: 1, 2, 5 and, where that is too little, straight ticks.
        places = [m * 10.0**p for p in range(first - 1, last + 1) for m in (1, 2, 5)]
        ticks = tuple(Tick(v, short_number(v)) for v in places if low <= v <= high)
        if len(ticks) < 2:
            ticks = _number_ticks(low, high)
    else:
        every = math.ceil((last - first + 1) / TICKS)
        ticks = tuple(Tick(10.0**p, _power(p)) for p in range(first, last + 1, every))
    return ChartAxis(low, high, label, ticks, is_log=True)


def share_axis(label: str) -> ChartAxis:
    """From 0 to 100 %."""
    ticks = tuple(Tick(k / 4, f"{25 * k} %") for k in range(5))
    return ChartAxis(0.0, 1.0, label, ticks)


def whole_axis(count: int, label: str) -> ChartAxis:
    """From 1 to `count`, with ticks at whole numbers alone."""
    high = max(count, 2)
    step = max(1, round(_step(1, high)))
    ticks = tuple(Tick(k, f"{k}") for k in range(0, high + 1, step) if k >= 1)
    return ChartAxis(1.0, float(high), label, ticks if len(ticks) > 1 else _ends(1, high))


def date_axis(values: Iterable[float], label: str) -> ChartAxis:
    """An axis of days since 1970, with ticks at years, months, days or times of day."""
    low, high = _range(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return ChartAxis(low, high, label, _date_ticks(low, high))


def name_axis(names: Sequence[str], label: str) -> ChartAxis:
    """Names at 0, 1, 2 …, each with a room of 1 around it."""
    ticks = tuple(Tick(float(k), name) for k, name in enumerate(names))
    return ChartAxis(-0.5, len(names) - 0.5, label, ticks)


def short_number(value: float) -> str:
    """A number with no more digits than it has, at most four: 0.5, 1200, 3 × 10⁷."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        return f"{float(f'{value:.4g}'):.10f}".rstrip("0").rstrip(".").replace("-", "−")
    digits, _, power = number(value, 3).partition(" ")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} {power}".strip()


def date_text(days: float, span: float) -> str:
    """A day since 1970 as a date, as exactly as a span of so many days asks for."""
    moment = EPOCH + timedelta(days=days)
    return f"{moment:{'%Y-%m-%d' if span >= 3 else '%m-%d %H:%M'}}"


def _range(values: Iterable[float]) -> tuple[float, float]:
    finite = [float(value) for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (0.0, 1.0)


def _step(low: float, high: float) -> float:
    """1, 2 or 5 times a power of ten, so that about TICKS of them make up the axis."""
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


def _number_ticks(low: float, high: float) -> tuple[Tick, ...]:
    step = _step(low, high)
    first, last = math.ceil(low / step), math.floor(high / step)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    largest = max(abs(low), abs(high))
    plain = largest < 1e6 and decimals <= 5
    return tuple(
        Tick(
            k * step,
            f"{k * step:.{decimals}f}".replace("-", "−") if plain else short_number(k * step),
        )
        for k in range(first, last + 1)
    )


def _ends(low: float, high: float) -> tuple[Tick, ...]:
    return Tick(low, f"{low:g}"), Tick(high, f"{high:g}")


def _power(exponent: int) -> str:
    if -3 <= exponent <= 4:
        return short_number(10.0**exponent)
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def _date_ticks(low: float, high: float) -> tuple[Tick, ...]:
    span = high - low
    begin, end = EPOCH + timedelta(days=low), EPOCH + timedelta(days=high)
    if span > 5 * 365:
        every = math.ceil((end.year - begin.year) / TICKS)
        moments = [datetime(y, 1, 1, tzinfo=UTC) for y in range(begin.year, end.year + 1, every)]
        form = "%Y"
    elif span > 90:
        every = math.ceil(span / 30.4 / TICKS)
        months = range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month)
        moments = [datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in months if not m % every]
        form = "%Y-%m"
    else:
        step = span / (TICKS - 1)
        step = math.ceil(step) if span > TICKS else step
        start = math.ceil(low) if span > TICKS else low
        moments = [EPOCH + timedelta(days=start + k * step) for k in range(TICKS + 1)]
        form = "%m-%d" if span > TICKS else "%m-%d %H:%M"
    days = [((moment - EPOCH) / timedelta(days=1), moment) for moment in moments]
    inside = tuple(Tick(day, f"{moment:{form}}") for day, moment in days if low <= day <= high)
    # Dates are long: as few of them as can be read beside one another.
    return inside[:: 2 if len(inside) > TICKS else 1]
