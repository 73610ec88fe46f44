"""The sizes of the signals as bars on a scale of powers of ten: in a terminal, and as a picture."""

import math
from functools import partial

from clearprop.base import messages
from clearprop.base.numbers import number
from clearprop.base.text_tables import aligned
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import text_width
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.health.signal_sizes import SignalSize
from clearprop.training.finding import shown

# In a terminal a bar of the largest signal is at most so long.
LONGEST, SHORTEST = 36, 6
# In a picture: the sizes of a row and its bar, of the plot, its margins and its letters.
ROW, BAR = 30.0, 16.0
PLOT, MARGIN, SIZE = 420.0, 16.0, 13.0
TOP, BOTTOM = 56.0, 52.0
# So many powers of ten are named below the bars at most.
TICKS = 8


def bars(sizes: tuple[SignalSize, ...], width: int | None = None) -> list[str]:
    """Every layer's signal as a bar on a scale of powers of ten, and its number. The bars are
    shorter where a terminal has less than `width` columns for all of it."""
    numbers = [number(one.size, 3) for one in sizes]
    rows = [(one.layer, one.name, "", value) for one, value in zip(sizes, numbers, strict=True)]
    taken = max(map(messages.display_width, aligned(rows, left=None)))
    longest = LONGEST if width is None else min(LONGEST, max(width - taken, SHORTEST))
    drawn = [
        (one.layer, one.name, "█" * _characters(one, sizes, longest), value)
        for one, value in zip(sizes, numbers, strict=True)
    ]
    drawn.append(("", "", " " * longest, ""))
    return aligned(drawn, left=None)[:-1]


def signals_picture(sizes: tuple[SignalSize, ...], language: str = "en") -> Scene:
    """A bar for every layer that learns, as long as the logarithm of its ∂C/∂z. A signal of 0 has
    no bar, and says so."""
    say = partial(messages.within("health.picture"), language)

    names = [f"{one.layer} {one.name}" for one in sizes]
    left = MARGIN + max((text_width(name, SIZE) for name in names), default=0.0) + 10
    numbers = [shown(one.size) for one in sizes]
    right = max((text_width(number, SIZE) for number in numbers), default=0.0) + 10
    width, height = left + PLOT + right + MARGIN, TOP + ROW * len(sizes) + BOTTOM
    low, high = _scale(sizes)
    base = TOP + ROW * len(sizes)
    items: list[Item] = [Text(width / 2, 22, say("title"), size=15.0, bold=True)]
    for power in _ticks(low, high):
        x = left + PLOT * (power - low) / (high - low)
        items.append(Path((x, TOP - 8), ((x, base),), stroke="grid", width=1.0))
        items.append(Text(x, base + 14, f"10^[{power}]".replace("-", "−"), "muted", 12.0))
    items.append(Text(left + PLOT / 2, base + 36, say("axis"), "muted", 12.0))
    for row, one in enumerate(sizes):
        middle = TOP + ROW * (row + 0.5) - 4
        items.append(Text(left - 10, middle, names[row], size=SIZE, anchor="end"))
        length = _length(one.size, low, high)
        if length:
            corner = left, middle - BAR / 2
            items.append(
                Rectangle(*corner, length, BAR, stroke="backward", fill="backward", corner=2.0)
            )
        end = left + length + 8
        items.append(Text(end, middle, numbers[row], size=SIZE, anchor="start", halo=True))
    first, last = (sizes[0].layer, sizes[-1].layer) if sizes else ("—", "—")
    description = say("description", first=first, last=last)
    return Scene(width, height, tuple(items), say("title"), description, language)


def _characters(one: SignalSize, sizes: tuple[SignalSize, ...], longest: int) -> int:
    if not 0 < one.size < math.inf:
        return longest if one.size > 0 else 0
    low, high = _scale(sizes)
    return max(1, round(longest * (math.log10(one.size) - low) / (high - low)))


def _length(size: float, low: int, high: int) -> float:
    if math.isnan(size) or size == 0:
        return 0.0
    if math.isinf(size):
        return PLOT
    return PLOT * (math.log10(size) - low) / (high - low)


def _ticks(low: int, high: int) -> range:
    return range(low, high + 1, math.ceil((high - low) / TICKS))


def _scale(sizes: tuple[SignalSize, ...]) -> tuple[int, int]:
    """The powers of ten below the smallest and above the largest signal that has a logarithm."""
    powers = [math.log10(one.size) for one in sizes if 0 < one.size < math.inf]
    if not powers:
        return -1, 0
    low, high = math.floor(min(powers)), math.ceil(max(powers))
    return (low - 1 if low == min(powers) else low), max(high, low + 1)
