"""Time unrolled: units of a layer that goes through time, a card for every time with all of their
numbers, and between the cards what the state carries on and what comes back; or all units at once,
as matrices of units by times. A long sequence is folded: the gap says how many times are in it."""

from collections.abc import Sequence
from typing import NamedTuple

from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import brief
from clearprop.drawing.diagrams.heatmap import scale_of
from clearprop.drawing.diagrams.matrix import MatrixPanel, draw_matrix
from clearprop.drawing.diagrams.parts import LABEL_SIZE, LegendEntry, derivative, explained
from clearprop.drawing.pen.items import Item, Path, Rectangle, Text, bounds, moved, saying
from clearprop.drawing.pen.markup import number_markup
from clearprop.drawing.pen.palette import Role
from clearprop.drawing.pen.scene import Scene
from clearprop.engine.addresses import inner_address
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.records import ForwardRecord
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.explanation.readable import say
from clearprop.reading.explanation.signal_pictures import stacked

# So many times are drawn as cards, and as columns of a matrix; of more, those at both ends and
# around the one that is marked.
MOST_TIMES, MOST_COLUMNS = 8, 64
# So many units are drawn as cards; all of them are a matrix.
MOST_UNITS = 8
# The features of x that a card names.
MOST_FEATURES = 3
CARD, LINE, GAP, PAD = 262.0, 18.0, 58.0, 10.0
# The room of what is folded away, and between two matrices.
FOLD, BETWEEN = 132.0, 34.0


class _Unrolled(NamedTuple):
    """What is drawn: the layer's path, the units (none: all of them), the sample, the times, and of
    those the one that is marked."""

    path: str
    units: tuple[int, ...]
    sample: int
    times: range
    marked: int | None


def draw_unrolled(
    step: Step,
    address: str | None,
    *,
    sample: int,
    units: Sequence[int] = (),
    times: tuple[int | None, int | None] | None = None,
    language: str,
) -> Scene:
    """The cards of units for one sample, first time first; all units as matrices where none is
    named.

    address  a number inside an RNN, a GRU or an LSTM, as `layers[0].time[3].forget[5]`: its unit is
             drawn, and its time marked; without it the first such layer
    units    which ones, counted from 0
    times    the first one, and the one behind the last, as in a slice; all of them unless told

    Raises ConfigurationError where there is no such layer, unit or time, and as `inner_address`.
    """
    chosen = _chosen(step, address, sample, tuple(units), times)
    if chosen.units:
        return _cards(step, chosen, language)
    return _matrices(step, chosen, language)


def folded(times: range, most: int, marked: int | None = None) -> list[range]:
    """The times that are shown, in runs with gaps between: all of them, or of more than `most`
    those at both ends, and around the one that is marked."""
    if len(times) <= most:
        return [times]
    ends = [*times[:2], *times[-2:]]
    near = [] if marked is None else [t for t in (marked - 1, marked, marked + 1) if t in times]
    kept = set(ends) | set(near)
    # What is left goes to both ends in turn.
    for early, late in zip(times[2:], reversed(times[:-2]), strict=True):
        for time in (late, early):
            if len(kept) < most:
                kept.add(time)
    runs: list[range] = []
    for time in sorted(kept):
        if runs and runs[-1].stop == time:
            runs[-1] = range(runs[-1].start, time + 1)
        else:
            runs.append(range(time, time + 1))
    return runs


def _chosen(
    step: Step,
    address: str | None,
    sample: int,
    units: tuple[int, ...],
    times: tuple[int | None, int | None] | None,
) -> _Unrolled:
    path, marked = None, None
    if address is not None:
        place = inner_address(step, address)
        if isinstance(step.forward[place.path].layer, Recurrent):
            path, marked = place.path, place.within[0][1]
            units = tuple(dict.fromkeys((place.index[0], *units)))
    if path is None:
        nodes = step.forward.network.graph.nodes
        known = [at for at, node in nodes.items() if isinstance(node.layer, Recurrent)]
        if not known:
            raise ConfigurationError("diagram_no_time")
        path = known[0]
    inside = step.forward.inside(path)
    count = max(one.values.shape[-1] for one in inside.values())
    for unit in units:
        if not 0 <= unit < count:
            raise ConfigurationError("unrolled_unit", unit=unit, path=path or "—", last=count - 1)
    if len(units) > MOST_UNITS:
        raise ConfigurationError("unrolled_units", came=len(units), most=MOST_UNITS)
    length = step.forward[path].input.shape[1]
    first, behind = times or (None, None)
    shown = range(first or 0, length if behind is None else behind)
    if not shown or shown.start < 0 or shown.stop > length:
        written = ":".join("" if one is None else str(one) for one in (first, behind))
        raise ConfigurationError("unrolled_times", given=written, path=path or "—", times=length)
    if marked is not None and marked not in shown:
        raise ConfigurationError("unrolled_marked", time=marked, first=shown.start, last=shown[-1])
    return _Unrolled(path, units, sample, shown, marked)


def _described(
    items: list[Item], entries: list[LegendEntry], chosen: _Unrolled, left_out: int, language: str
) -> Scene:
    told = {"path": chosen.path or "—", "sample": chosen.sample}
    of = "units" if len(chosen.units) > 1 else "unit" if chosen.units else "all"
    if chosen.units:
        told["unit"] = ", ".join(map(str, chosen.units))
    return explained(
        items,
        entries,
        title=say(language, f"unrolled.title.{of}", **told),
        description=[say(language, f"unrolled.says.{of}", **told)],
        language=language,
        notes=[say(language, "unrolled.left_out", count=left_out)] if left_out else [],
    )


def _matrices(step: Step, chosen: _Unrolled, language: str) -> Scene:
    """Every number of the layer as units by times, the gradients below."""
    path, sample = chosen.path, chosen.sample
    rows = LAYER_ROWS[type(step.forward[path].layer)].inside
    gradients = step.backward.inside(path)
    runs = folded(chosen.times, MOST_COLUMNS)
    items: list[Item] = []
    for name, one in step.forward.inside(path).items():
        symbol = f"*{rows[name].symbol}*"
        kinds: tuple[tuple[str, Role, Array], ...] = (
            (f"{symbol}  {name}", "forward", one.values[sample]),
            (derivative("*C*", symbol), "backward", gradients[name][sample]),
        )
        pair: list[Item] = []
        for title, role, values in kinds:
            drawn = _folded_matrix(path, name, title, role, values, runs, language)
            left = bounds(pair).right + BETWEEN if pair else 0.0
            pair += [moved(item, left, 0) for item in drawn]
        items = stacked(items, pair, BETWEEN)
    entries = [
        LegendEntry("positive5", 0, say(language, "inner.legend.plus")),
        LegendEntry("negative5", 0, say(language, "inner.legend.minus")),
    ]
    left_out = len(chosen.times) - sum(map(len, runs))
    return _described(items, entries, chosen, left_out, language)


def _folded_matrix(
    path: str,
    name: str,
    title: str,
    role: Role,
    values: Array,
    runs: list[range],
    language: str,
) -> list[Item]:
    """One matrix of units by times, in as many parts as there are runs of times."""
    limit = scale_of(values[[t for run in runs for t in run]].reshape(-1)).limit
    items: list[Item] = []
    for number, run in enumerate(runs):

        def place(unit: int, time: int, first: int = run.start) -> str:
            return f"{path}.time[{first + time}].{name}[{unit}]".lstrip(".")

        panel = MatrixPanel(
            title if number == 0 else "",
            role,
            values[run.start : run.stop].T,
            "unit" if number == 0 else "",
            "time",
            place,
            first=(0, run.start),
            limit=limit,
        )
        drawn = list(draw_matrix(panel, language).items)
        if items:
            box = bounds(items)
            gap = run.start - runs[number - 1].stop
            # Beside the cells, which stand at the bottom.
            items += _fold(box.right + 4, box.bottom - 12, gap, wide=40.0)
            drawn = [moved(item, bounds(items).right - bounds(drawn).left + 4, 0) for item in drawn]
        items += drawn
    return items


def _fold(x: float, y: float, count: int, *, wide: float) -> list[Item]:
    """What is folded away, as a gap that says how many times are in it."""
    return [
        Path((x, y), ((x + wide, y),), "muted", dashed=True),
        Text(x + wide / 2, y - 10, f"⋯ {count}", "muted", size=LABEL_SIZE),
    ]


def _cards(step: Step, chosen: _Unrolled, language: str) -> Scene:
    """A row of cards for every unit."""
    record = step.forward[chosen.path]
    runs = folded(chosen.times, MOST_TIMES, chosen.marked)
    items: list[Item] = []
    for unit in chosen.units:
        items = stacked(items, _of_unit(step, record, chosen, unit, runs), BETWEEN)
    entries = [
        LegendEntry("forward", 1, say(language, "unrolled.forward")),
        LegendEntry("backward", -1, say(language, "unrolled.backward")),
    ]
    left_out = len(chosen.times) - sum(map(len, runs))
    return _described(items, entries, chosen, left_out, language)


def _of_unit(
    step: Step, record: ForwardRecord, chosen: _Unrolled, unit: int, runs: list[range]
) -> list[Item]:
    layer, sample = record.layer, chosen.sample
    assert isinstance(layer, Recurrent)
    gradients = step.backward.inside(chosen.path)
    rows = LAYER_ROWS[type(layer)].inside
    # A projected state has fewer units than the gates that made it.
    inside = {
        name: one
        for name, one in step.forward.inside(chosen.path).items()
        if unit < one.values.shape[-1]
    }
    items: list[Item] = []
    height = PAD * 2 + LINE * (1 + min(layer.inputs, MOST_FEATURES) + len(inside))
    x = 0.0
    for before, run in zip([None, *runs], runs, strict=False):
        if before is not None:
            items += _between(x - GAP, height, FOLD, reverse=layer.reverse)
            items += _fold(x - GAP + 4, height / 2, run.start - before.stop, wide=FOLD - 8)
            x += FOLD - GAP
        for time in run:
            lines = [f"*t* = {time}"]
            if len(chosen.units) > 1:
                lines = [f"*t* = {time},  unit {unit}"]
            for feature in range(min(layer.inputs, MOST_FEATURES)):
                value = float(record.input[sample, time, feature])
                lines.append(f"*x*_[{feature}] = {number_markup(value)}")
            numbers = []
            for name, one in inside.items():
                symbol = f"*{rows[name].symbol}*"
                value = float(one.values[sample, time, unit])
                gradient = float(gradients[name][sample, time, unit])
                numbers.append((symbol, value, gradient))
            items += _card(x, height, lines, numbers, marked=time == chosen.marked, time=time)
            if time + 1 in run:
                items += _between(x + CARD, height, GAP, reverse=layer.reverse)
            x += CARD + GAP
    return items


def _card(
    x: float,
    height: float,
    lines: list[str],
    numbers: list[tuple[str, float, float]],
    *,
    marked: bool,
    time: int,
) -> list[Item]:
    """One time: what comes in, and every number of the unit with its gradient."""
    stroke: Role = "ink" if marked else "muted"
    items: list[Item] = [
        Rectangle(x, 0, CARD, height, stroke=stroke, corner=6, stroke_width=2.5 if marked else 1.2)
    ]
    y = PAD + LINE / 2
    for place, line in enumerate(lines):
        role: Role = "ink" if place == 0 else "forward"
        items.append(Text(x + PAD, y, line, role, size=LABEL_SIZE, anchor="start", bold=place == 0))
        y += LINE
    for symbol, value, gradient in numbers:
        made = Text(
            x + PAD, y, f"{symbol} = {number_markup(value)}", "forward", LABEL_SIZE, "start"
        )
        back = Text(
            x + CARD - PAD,
            y,
            f"{derivative('*C*', symbol)} {number_markup(gradient)}",
            "backward",
            LABEL_SIZE,
            "end",
        )
        bare = symbol.replace("*", "")
        items += saying(
            [made, back],
            f"{bare}, t = {time}\n{bare} = {brief(value)}\n∂C/∂{bare} = {brief(gradient)}",
        )
        y += LINE
    return items


def _between(x: float, height: float, wide: float, *, reverse: bool) -> list[Item]:
    """What the state carries on, and what comes back, between two cards."""
    over, under = height / 2 - 24, height / 2 + 24
    near, far = x + 5, x + wide - 5
    one, other = (far, near) if reverse else (near, far)
    return [
        Path((one, over), ((other, over),), "forward", arrow=True),
        Path((other, under), ((one, under),), "backward", arrow=True),
        Text(x + wide / 2, over - 12, "*h*", "forward", size=LABEL_SIZE),
        Text(x + wide / 2, under + 13, derivative("*C*", "*h*"), "backward", size=LABEL_SIZE),
    ]
