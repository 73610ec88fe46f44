"""Embedding: rows of a table."""

from collections.abc import Mapping
from typing import Any

from clearprop.engine.initializers import Uniform
from clearprop.engine.layers.embedding import Embedding
from clearprop.kinds.counterparts import ArrayNames, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import NoKernel
from clearprop.kinds.onnx_terms import OnnxForm, ReadLayer, Slot, X, op
from clearprop.kinds.program_lines import Line, Symbol
from clearprop.kinds.program_pieces import Passes, Site
from clearprop.kinds.row import (
    Arithmetic,
    Equations,
    LayerExample,
    LayerRow,
    OneEntry,
    ParameterSymbols,
)


def _passes(site: Site) -> Passes:
    """The rows e = E[x] of the ids x."""
    table, gradient, dy = site.params["weight"], site.gradients["weight"], site.dy
    row = "ₙ" if len(site.shape) == 0 else "ₙₜ"
    each = f"{site.x:math}{row}"
    return Passes(
        (Line(f"{site.y} = {table}[{site.x}]", f"{site.y:math}{row} = {table:math}[{each}]"),),
        (
            Line(f"{gradient} = np.zeros_like({table})", f"{gradient:math} = 0"),
            Line(
                f"np.add.at({gradient}, {site.x}, {dy})",
                f"{gradient:math}[{each}] ← {gradient:math}[{each}] + {dy:math}{row}",
            ),
        ),
    )


def _worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    row = int(entry.input[entry.place[:-1]])
    return (Arithmetic("y", (f"W[{row},{entry.place[-1]}]",), entry.y),)


def _of_torch(module: Any) -> Embedding | None:
    # What these do to the table while it is trained no layer here does.
    if module.max_norm is not None or module.padding_idx is not None or module.scale_grad_by_freq:
        return None
    return Embedding(module.num_embeddings, module.embedding_dim)


def _read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    table = found["weight"]
    if table.dtype.kind != "f" or table.ndim != 2 or not table.size:
        return None
    return ReadLayer(Embedding(*table.shape), {"weight": table})


EMBEDDING = LayerRow(
    kind=Embedding,
    examples=(
        LayerExample(Embedding(5, 3), (), ids=5),
        LayerExample(Embedding(4, 2, initializer=Uniform()), (3,), ids=4),
    ),
    equations=Equations(("y = W[x]",), ("∂L/∂W[i] = Σ ∂C/∂y where x = i",)),
    worked=_worked,
    passes=_passes,
    output=Symbol("e", "e"),
    opens=True,
    parameters={"weight": ParameterSymbols("W", Symbol("E", "E"))},
    torch=TorchTwin(
        lambda nn, one: nn.Embedding(one.entries, one.features),
        {"Embedding": _of_torch},
        tables=frozenset({"weight"}),
    ),
    jax=lambda at, x: at.params["weight"][x],
    onnx=OnnxOperator("Gather"),
    onnx_forms=(
        OnnxForm(
            op("Gather", Slot("weight"), X, axis=0),
            lambda at: None if at.stacked else at.params,
            _read,
        ),
    ),
    keras=ArrayNames("Embedding", {"weight": "embeddings"}),
    flax=ArrayNames("Embed", {"weight": "embedding"}),
    compiled=lambda _: NoKernel("ids"),
    ids=lambda one: one.entries,
)
