"""TimeSlice: some of the times of a sequence."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.engine.layers.time_slice import TimeSlice
from clearprop.kinds.counterparts import TorchTwin
from clearprop.kinds.kernels import Kernel
from clearprop.kinds.onnx_terms import OnnxForm, OnnxPlace, ReadLayer, Slot, X, op
from clearprop.kinds.own_modules import own_module
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import Arithmetic, Equations, LayerExample, LayerRow, OneEntry

# An end that is left open, as ONNX says it.
_FAR = np.iinfo(np.int64).max


def _passes(site: Site) -> Passes:
    x, y, dx, dy, one = site.x, site.y, site.dx, site.dy, site.layer
    start, stop, _ = slice(one.start, one.stop).indices(site.shape[0])
    backward: tuple[Line, ...] = ()
    if dx is not None:
        backward = (
            Line(f"{dx} = np.zeros_like({x})", f"{dx:math} = 0"),
            Line(
                f"{dx}[:, {start}:{stop}] = {dy}",
                f"{dx:math}ₜ = ({dy:math})ₜ₋ₛ where s = {start} ≤ t < {stop}",
            ),
        )
    forward = Line(f"{y} = {x}[:, {start}:{stop}]", f"{y:math}: {x:math}ₜ of {start} ≤ t < {stop}")
    return Passes((forward,), backward)


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    time, feature = entry.place
    x = float(entry.input[entry.cache.start + time, feature])
    return (Arithmetic("y", (brief(x),), entry.y),)


def _ends(at: OnnxPlace) -> Mapping[str, Any] | None:
    one: TimeSlice = at.layer
    if at.stacked:
        return None
    stop = _FAR if one.stop is None else one.stop
    ends = {"start": one.start or 0, "stop": stop, "axis_1": 1}
    return {name: np.array([value]) for name, value in ends.items()}


def _of_onnx(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    arrays = [np.asarray(found[name]) for name in ("start", "stop", "axis_1")]
    if any(one.shape != (1,) or one.dtype.kind != "i" for one in arrays):
        return None
    start, stop, axis = (int(one[0]) for one in arrays)
    if axis not in (1, -2):
        return None
    return ReadLayer(TimeSlice(start or None, None if stop == _FAR else stop))


TIME_SLICE = LayerRow(
    kind=TimeSlice,
    examples=(
        LayerExample(TimeSlice(1, 3), (4, 2)),
        LayerExample(TimeSlice(stop=-1), (3, 2)),
        LayerExample(TimeSlice(-2), (3, 2)),
    ),
    equations=Equations(
        ("yₜ = xₜ₊ₛ of s = start,  t < stop − start",),
        ("∂C/∂xₜ = ∂C/∂yₜ₋ₛ at these times, else 0",),
    ),
    worked=_worked,
    passes=_passes,
    output=Symbol("part", "ξ"),
    torch=TorchTwin(lambda nn, one: own_module(nn, one, lambda _, x: x[:, one.start : one.stop])),
    jax=lambda at, x: x[:, at.layer.start : at.layer.stop],
    onnx=None,
    onnx_forms=(
        OnnxForm(op("Slice", X, Slot("start"), Slot("stop"), Slot("axis_1")), _ends, _of_onnx, 10),
    ),
    compiled=lambda one: Kernel("TIMES", (float(one.start or 0),)),
)
