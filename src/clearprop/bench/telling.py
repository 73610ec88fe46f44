"""What was measured, told: a table for each workload, one of all of them, a picture, and JSON."""

import math
from collections.abc import Sequence
from functools import partial

from clearprop.base import messages
from clearprop.base.text_tables import ruled
from clearprop.bench.comparison import PEERS, US, Measured
from clearprop.bench.scaling import Growth
from clearprop.bench.workloads import Workload
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text
from clearprop.drawing.pen.markup import text_width
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene

ROW, BAR, HEADING = 22.0, 12.0, 34.0
PLOT, MARGIN, SIZE, TOP, BOTTOM = 460.0, 18.0, 12.0, 52.0, 54.0
# The decades that are shown on either side of our own time, at least.
LEAST_LOW, LEAST_HIGH = -1, 1


def details(measured: Measured, language: str) -> str:
    """Every peer on one workload, the fastest first."""
    say = partial(messages.within("bench"), language)

    ours = measured.seconds.get(US[0])
    unit = _unit(measured.workload, language)
    rows = [[say("peer"), unit, say("to_ours"), say("loss"), say("threads"), say("ready")]]
    for name, seconds in sorted(measured.seconds.items(), key=lambda one: one[1]):
        rows.append(
            [
                name,
                _figure(seconds * _steps(measured.workload)),
                "" if ours is None else f"{seconds / ours:.2f} ×",
                f"{measured.losses[name]:.6f}" if PEERS[name].trains else "—",
                f"{measured.threads[name]}",
                f"{measured.ready[name]:.2f}",
            ]
        )
    left_out = ["", *(why.message(language) for why in measured.left_out.values())]
    return "\n".join([title(measured.workload, language), "", *ruled(rows), *left_out]).rstrip()


def summary(all_measured: Sequence[Measured], language: str) -> str:
    """A line for each workload: our time beside that of the best peer and of the products alone."""
    say = partial(messages.within("bench"), language)

    rows = [[say("workload"), US[0], say("best_peer"), say("ratio"), say("products"), say("ratio")]]
    for one in all_measured:
        cells = [title(one.workload, language)]
        cells.append(_with_unit(one, US[0]))
        for other in (one.best_peer, one.products):
            ratio = one.ratio_to(other)
            cells.append("—" if other is None else f"{other} {_with_unit(one, other)}")
            cells.append("—" if ratio is None else f"{ratio:.2f}")
        rows.append(cells)
    return "\n".join(ruled(rows))


def growth_table(grown: Sequence[Growth], language: str) -> str:
    """How a step's time grows with its size, and the fitted exponents."""
    say = partial(messages.within("bench"), language)

    lines = []
    for one in grown:
        sizes = [say(f"growth.{one.what}"), *(f"{size:,}" for size in one.sizes)]
        times = [say("us_per_step"), *(_figure(seconds) for seconds in one.seconds)]
        lines += [*ruled([sizes, times]), say("exponent", exponent=f"{one.exponent:.2f}"), ""]
    return "\n".join(lines).rstrip()


def title(workload: Workload, language: str) -> str:
    """A workload in words."""
    say = partial(messages.within("bench"), language)

    name = "-".join(map(str, workload.widths))
    if workload.networks is not None:
        name = say("networks", count=f"{workload.networks:,}", name=name)
    optimizer = "Adam" if workload.adam else "SGD"
    kind = "fit" if workload.is_shuffled else "steps"
    return say(
        f"title_{kind}",
        name=name,
        samples=workload.samples,
        batch=workload.batch,
        optimizer=optimizer,
        dtype=workload.dtype,
    )


def picture(all_measured: Sequence[Measured], language: str) -> Scene:
    """For each workload every peer's time over ours, as a bar from 1 on a scale of powers of ten:
    to the right what is slower, to the left what is faster."""
    say = partial(messages.within("bench"), language)

    ratios = [
        {name: seconds / one.seconds[US[0]] for name, seconds in one.seconds.items()}
        for one in all_measured
        if US[0] in one.seconds
    ]
    powers = [math.log10(ratio) for some in ratios for ratio in some.values()]
    low = min([LEAST_LOW, *map(math.floor, powers)])
    high = max([LEAST_HIGH, *map(math.ceil, powers)])
    left = (
        MARGIN + max((text_width(name, SIZE) for some in ratios for name in some), default=0) + 12
    )
    one_x = left + PLOT * -low / (high - low)
    width = left + PLOT + 64
    height = TOP + sum(HEADING + ROW * len(some) for some in ratios) + BOTTOM
    items: list[Item] = [Text(width / 2, 24, say("picture_title"), size=15.0, bold=True)]
    for power in range(low, high + 1):
        x = left + PLOT * (power - low) / (high - low)
        items.append(Path((x, TOP - 6), ((x, height - BOTTOM),), stroke="grid", width=1.0))
        items.append(Text(x, height - BOTTOM + 14, f"{10.0**power:g} ×", "muted", SIZE))
    items.append(Text(left + PLOT / 2, height - BOTTOM + 34, say("picture_axis"), "muted", SIZE))
    items.append(Path((one_x, TOP - 6), ((one_x, height - BOTTOM),), stroke="ink", width=1.0))
    y = TOP
    shown = [one for one in all_measured if US[0] in one.seconds]
    for one, some in zip(shown, ratios, strict=True):
        y += HEADING / 2
        heading = title(one.workload, language)
        items.append(Text(MARGIN, y, heading, size=13.0, anchor="start", bold=True, halo=True))
        y += HEADING / 2
        for name, ratio in sorted(some.items(), key=lambda pair: pair[1]):
            end = left + PLOT * (math.log10(ratio) - low) / (high - low)
            items += _bar(name, ratio, one_x, end, left, y + ROW / 2)
            y += ROW
    description = say("picture_description", count=len(ratios))
    return Scene(width, height, tuple(items), say("picture_title"), description, language)


def _bar(
    name: str, ratio: float, one_x: float, end: float, left: float, middle: float
) -> list[Item]:
    role: Role = "muted" if not PEERS[name].trains else "forward" if ratio <= 1 else "backward"
    first, last = sorted((one_x, end))
    bar = Rectangle(first, middle - BAR / 2, last - first, BAR, stroke=role, fill=role, corner=2.0)
    label = Text(left - 10, middle, name, size=SIZE, anchor="end", bold=name == US[0])
    beside = Text(last + 6, middle, f"{ratio:.2f} ×", size=SIZE, anchor="start", halo=True)
    return [label, beside] if name == US[0] else [bar, label, beside]


def _steps(workload: Workload) -> int:
    """How many steps one figure is of: a whole fit's where it is one."""
    return workload.steps if workload.is_shuffled else 1


def _unit(workload: Workload, language: str) -> str:
    return messages.text(
        language, "bench.us_per_fit" if workload.is_shuffled else "bench.us_per_step"
    )


def _with_unit(measured: Measured, name: str) -> str:
    if name not in measured.seconds:
        return "—"
    return f"{_figure(measured.seconds[name] * _steps(measured.workload))} µs"


def _figure(seconds: float) -> str:
    """Microseconds, three digits at least."""
    us = 1e6 * seconds
    return f"{us:,.0f}" if us >= 1000 else f"{us:.1f}" if us >= 100 else f"{us:.2f}"
