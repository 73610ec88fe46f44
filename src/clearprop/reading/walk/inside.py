"""The stages inside a layer, forward and backward: of one that goes through time every time, of a
convolution the places that matter most, and of attention scores, weights and what is made of them.

They follow the stage of the whole layer, in the order in which they are computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.numbers import product_text
from clearprop.engine.addresses import Address, inner_path
from clearprop.engine.graph import Node
from clearprop.engine.layers.layer import Intermediate
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.reading.inner_lines import InnerLines
from clearprop.reading.walk.equations import of_layer
from clearprop.reading.walk.forward import worked_entry
from clearprop.reading.walk.stages import (
    ArrayRole,
    LeftOut,
    MaskedPairs,
    Part,
    StageArray,
    WalkStage,
)
from clearprop.reading.worked_lines import WorkedLine

# So many times are walked, those at both ends, and so many places of a convolution, those with the
# largest signals of the sample.
MOST_TIMES, MOST_PLACES = 24, 4


@dataclass(frozen=True)
class _Inside:
    """A layer that declares what is inside it, for the sample that is worked out."""

    step: Step
    node: Node
    sample: int
    found: dict[str, Intermediate]
    gradients: dict[str, Array]
    lines: InnerLines

    @property
    def within(self) -> tuple[str, ...] | None:
        """The axes before the names, where all intermediates have the same."""
        every = {one.within for one in self.found.values()}
        return every.pop() if len(every) == 1 else None


def forward_stages(step: Step, node: Node, sample: int) -> Iterator[WalkStage]:
    """What happens inside a layer on the way forward; nothing for most layers."""
    inside = _inside(step, node, sample)
    if inside is not None:
        yield from _stages(inside, backward=False)


def backward_stages(step: Step, node: Node, sample: int) -> Iterator[WalkStage]:
    """The same on the way back, the last one first."""
    inside = _inside(step, node, sample)
    if inside is not None:
        yield from _stages(inside, backward=True)


def _inside(step: Step, node: Node, sample: int) -> _Inside | None:
    found = dict(step.forward.inside(node.path))
    if not found:
        return None
    gradients = dict(step.backward.inside(node.path))
    lines = InnerLines(step, node.path, sample)
    return _Inside(step, node, sample, found, gradients, lines)


def _stages(inside: _Inside, *, backward: bool) -> Iterator[WalkStage]:
    if inside.within == ("time",):
        stages = _times(inside, backward=backward)
    elif "patch" in inside.found:
        stages = _places(inside, backward=backward)
    else:
        stages = _names(inside, backward=backward)
    yield from stages


def _times(inside: _Inside, *, backward: bool) -> Iterator[WalkStage]:
    """Every time, in the order in which the layer runs through them."""
    layer = inside.node.layer
    names = list(inside.found)
    times = list(range(next(iter(inside.found.values())).values.shape[1]))
    if isinstance(layer, Recurrent) and layer.reverse:
        times.reverse()
    if backward:
        times.reverse()
        names.reverse()
    half = MOST_TIMES // 2
    shown = times if len(times) <= MOST_TIMES else [*times[:half], *times[-half:]]
    record = inside.step.forward[inside.node.path]
    for number, time in enumerate(shown):
        arrays = [] if backward else [_of_samples(inside, "x", "time", time, record.input[:, time])]
        worked: list[WorkedLine] = []
        for name in names:
            symbol = inside.lines.symbol(name)
            if backward:
                values, symbol = inside.gradients[name], f"∂C/∂{symbol}"
                worked += _entries(inside.lines.gathered(name, (time, 0)), "[0]")
            else:
                values = inside.found[name].values
                worked += _entries(inside.lines.made(name, (time, 0)), "[0]")
            arrays.append(_of_samples(inside, symbol, "time", time, values[:, time]))
        # Where times are left out, the first one behind the gap says so.
        gap = len(shown) < len(times) and number == half
        notes = (LeftOut("times", len(times) - len(shown)),) if gap else ()
        told = of_layer(layer)
        yield _stage(
            inside,
            f"time[{time}]",
            told.backward if backward else told.forward,
            worked,
            arrays,
            backward=backward,
            notes=notes,
        )


def _of_samples(inside: _Inside, symbol: str, axis: str, number: int, values: Array) -> StageArray:
    place = inner_path(inside.node.path, "", ((axis, number),))
    return StageArray(symbol, place, ArrayRole.SAMPLES, values)


def _places(inside: _Inside, *, backward: bool) -> Iterator[WalkStage]:
    """The places of a convolution with the largest signals: what lies under the kernel there, and
    what comes back to it."""
    step, path, sample = inside.step, inside.node.path, inside.sample
    patch, record = inside.found["patch"], step.forward[path]
    signals = step.signals(path)
    sizes = np.abs(signals[sample]).sum(axis=0)
    order = np.argsort(-sizes, axis=None, kind="stable")[:MOST_PLACES]
    places = [tuple(int(i) for i in np.unravel_index(one, sizes.shape)) for one in order]
    # In the order in which the kernel is moved.
    for number, place in enumerate(sorted(places, reverse=backward)):
        within = tuple(zip(patch.within, place, strict=True))
        where = inner_path(path, "", within)
        at: Any = (slice(None), *place)
        out: Any = (slice(None), slice(None), *place)
        first = (0,) * len(patch.axes)
        if backward:
            arrays = [
                StageArray("∂C/∂z", where, ArrayRole.SAMPLES, signals[out]),
                StageArray("∂C/∂x̄", where, ArrayRole.SAMPLES, inside.gradients["patch"][at]),
            ]
            read = float(patch.values[(sample, *place, *first)])
            signal = float(signals[(sample, 0, *place)])
            index = ",".join("0" * record.params["weight"].ndim)
            given = product_text(read, signal)
            share = WorkedLine(f"x̄ · ∂C/∂z  →  ∂C/∂w[{index}]", (given,), read * signal)
            gathered = inside.lines.gathered("patch", (*place, *first))
            worked = [*_entries(gathered, f"[{','.join(map(str, first))}]"), share]
        else:
            arrays = [
                StageArray("x̄", where, ArrayRole.SAMPLES, patch.values[at]),
                StageArray("z", where, ArrayRole.SAMPLES, record.output[out]),
            ]
            worked = list(worked_entry(record, sample, (0, *place)))
        told = of_layer(inside.node.layer)
        left = sizes.size - len(places)
        yield _stage(
            inside,
            where.removeprefix(path).lstrip("."),
            told.backward if backward else told.forward,
            worked,
            arrays,
            backward=backward,
            notes=(LeftOut("places", left),) if left and number == 0 else (),
        )


def _names(inside: _Inside, *, backward: bool) -> Iterator[WalkStage]:
    """Intermediate after intermediate: of attention queries, keys and values, scores, weights, and
    what the heads take."""
    node, path = inside.node, inside.node.path
    row = LAYER_ROWS.get(type(node.layer))
    names = list(inside.found)
    for name in reversed(names) if backward else names:
        one = inside.found[name]
        known = None if row is None else row.inside.get(name)
        symbol = inside.lines.symbol(name)
        place = _looked_at(one)
        before, behind = place[: len(one.within)], place[len(one.within) :]
        own = inner_path("", name, tuple(zip(one.within, before, strict=True)))
        address = str(Address(own, behind))
        if backward:
            equation = "" if known is None else known.back
            worked = _last_named(inside.lines.gathered(name, place), f"∂C/∂{address}")
            values, symbol = inside.gradients[name], f"∂C/∂{symbol}"
        else:
            equation = "" if known is None else known.made
            worked = _last_named(inside.lines.made(name, place), address)
            values = one.values
        notes: tuple[MaskedPairs, ...] = ()
        if name == "weights" and not backward:
            masked = int(np.count_nonzero(one.values[inside.sample, 0] == 0))
            notes = (MaskedPairs(masked, one.values[inside.sample, 0].size),) if masked else ()
        if name == names[-1] and not backward:
            # What is made of it is the layer's output.
            worked += worked_entry(inside.step.forward[path], inside.sample, None)
        array = StageArray(symbol, inner_path(path, name, ()), ArrayRole.SAMPLES, values)
        equations = (equation,) if equation else ()
        yield _stage(inside, name, equations, worked, [array], backward=backward, notes=notes)


def _entries(lines: tuple[WorkedLine, ...], index: str) -> list[WorkedLine]:
    """Lines with the entry that they are of behind every name."""
    return [replace(one, left=f"{one.left}{index}") for one in lines]


def _last_named(lines: tuple[WorkedLine, ...], address: str) -> list[WorkedLine]:
    """Lines whose last one begins with the address of what it is of."""
    return [*lines[:-1], *(replace(one, left=address) for one in lines[-1:])]


def _looked_at(one: Intermediate) -> Index:
    """The entry that is worked out: of the first head the last position, which sees the most."""
    sizes = one.values.shape[1 + len(one.within) :]
    return (*(0,) * len(one.within), sizes[0] - 1, *(0,) * (len(sizes) - 1))


def _stage(
    inside: _Inside,
    where: str,
    equations: tuple[str, ...],
    worked: list[WorkedLine],
    arrays: list[StageArray],
    *,
    backward: bool,
    notes: tuple[LeftOut | MaskedPairs, ...],
) -> WalkStage:
    # What two of the numbers are made of is said once.
    lines = dict.fromkeys(replace(one, of_sample=True) for one in worked)
    return WalkStage(
        part=Part.INSIDE_BACK if backward else Part.INSIDE,
        path=inside.node.path,
        name=repr_short(inside.node.layer),
        equations=equations,
        worked=tuple(lines),
        arrays=tuple(arrays),
        notes=notes,
        inside=where,
    )
