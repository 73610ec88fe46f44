"""Dropout: entries left out by chance."""

from typing import Any

from clearprop.base.numbers import brief, product_text
from clearprop.engine.layers.dropout import Dropout
from clearprop.kinds.counterparts import OnnxOperator, TorchTwin
from clearprop.kinds.kernels import Kernel
from clearprop.kinds.onnx_terms import OnnxForm, Slot, X, of_settings, op
from clearprop.kinds.program_lines import Line, Symbol, in_equation, literal
from clearprop.kinds.program_pieces import Mask, Passes, Site, UsedLines
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    InJax,
    InUse,
    LayerExample,
    LayerRow,
    OneEntry,
)


def _passes(site: Site) -> Passes:
    """The kept entries over the probability of being kept."""
    x, y, dx, dy = site.x, site.y, site.dx, site.dy
    probability = site.layer.probability
    if probability == 1:
        return Passes(
            (Line(f"{y} = np.zeros_like({x})", f"{y:math} = 0"),),
            (Line(f"{dx} = np.zeros_like({dy})", f"{dx:math} = 0"),),
        )
    keep = site.own("keep", "k")
    kept, kept_math = literal(1 - probability), in_equation(1 - probability)
    return Passes(
        (Line(f"{y} = {x} * {keep} / {kept}", f"{y:math} = {x:math} ⊙ {keep:math} / {kept_math}"),),
        (
            Line(
                f"{dx} = {dy} * {keep} / {kept}",
                f"{dx:math} = {dy:math} ⊙ {keep:math} / {kept_math}",
            ),
        ),
        masks=(Mask(keep, site.path, site.shape, probability),),
    )


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    mask = entry.cache.mask
    right = brief(entry.x)
    if mask is not None:
        right = product_text(entry.x, float(mask[entry.sample][entry.place]))
    return (Arithmetic("y", (right,), entry.y),)


def _in_jax(at: InJax, x: Any) -> Any:
    # Its own draws would be others than ours.
    return None if at.training and at.layer.probability else x


def _compiled(one: Any) -> Kernel:
    kept = 1 - one.probability
    return Kernel("DROPOUT", (1 / kept if kept else 0.0,))


DROPOUT = LayerRow(
    kind=Dropout,
    examples=(
        LayerExample(Dropout(), (5,)),
        LayerExample(Dropout(0.3), (2, 3)),
        LayerExample(Dropout(0.3), (5,), training=False),
        LayerExample(Dropout(0.0), (5,)),
        LayerExample(Dropout(1.0), (5,)),
    ),
    equations=Equations(("y = x ⊙ m",), ("∂C/∂x = m ⊙ ∂C/∂y",)),
    worked=_worked,
    passes=_passes,
    output=Symbol("m", "m"),
    torch=TorchTwin(
        lambda nn, one: nn.Dropout(one.probability),
        {"Dropout": lambda m: Dropout(m.p)},
        differs=lambda one, _, training: training and one.probability > 0,
    ),
    jax=_in_jax,
    onnx=OnnxOperator("Dropout"),
    onnx_forms=(
        # The operator leaves out less than everything. In use nothing is left out.
        OnnxForm(
            op("Identity", X),
            lambda at: {} if at.layer.probability == 1 else None,
            lambda _, __: None,
        ),
        of_settings(op("Dropout", X, Slot("probability")), Dropout, "probability"),
        of_settings(op("Dropout", X), Dropout),
    ),
    compiled=_compiled,
    in_use=InUse(
        Equations(("y = x",), ("∂C/∂x = ∂C/∂y",)),
        lambda cache: cache.mask is None,
        lambda site: UsedLines((Line(f"{site.y} = {site.x}", f"{site.y:math} = {site.x:math}"),)),
    ),
    shown=lambda cache: {} if cache.mask is None else {"m": cache.mask},
    does_nothing=lambda one: one.probability == 0,
)
