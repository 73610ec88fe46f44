"""Embedding and Unembedding: the rows of a table, and how well an output fits each of them."""

from collections.abc import Mapping
from typing import Any

from clearprop.engine.initializers import Uniform
from clearprop.engine.layers.embedding import Embedding
from clearprop.engine.layers.unembedding import Unembedding
from clearprop.kinds.counterparts import ArrayNames, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import Kernel, NoKernel
from clearprop.kinds.onnx_terms import OnnxForm, ReadLayer, Slot, X, op
from clearprop.kinds.own_modules import own_module
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
    compiled=lambda one: Kernel("EMBEDDING", rows=one.entries),
    ids=lambda one: one.entries,
)


def _unembedding(site: Site) -> Passes:
    """The products of x with every row of the table."""
    x, y, dy, features = site.x, site.y, site.dy, site.shape[-1]
    table, gradient = site.params["weight"], site.gradients["weight"]
    left, right = f"{dy}.T", str(x)
    if len(site.shape) > 1:
        left = f"{dy}.reshape(-1, {site.layer.entries}).T"
        right = f"{x}.reshape(-1, {features})"
    backward = [Line(f"{gradient} = {left} @ {right}", f"{gradient:math} = {dy:math}ᵀ · {x:math}")]
    if site.dx is not None:
        backward.append(
            Line(f"{site.dx} = {dy} @ {table}", f"{site.dx:math} = {dy:math} · {table:math}")
        )
    return Passes(
        (Line(f"{y} = {x} @ {table}.T", f"{y:math} = {x:math} · {table:math}ᵀ"),), tuple(backward)
    )


def _unembedding_worked(entry: OneEntry) -> tuple[Arithmetic, ...]:
    *lead, row = entry.place
    x, weights = entry.input[tuple(lead)], entry.params["weight"][row]
    return (Arithmetic("y", (), entry.y, (x.astype(float), weights.astype(float))),)


def _unembedding_read(found: Mapping[str, Any], _: object) -> ReadLayer | None:
    table = found["weight"]
    # What stands there transposed already is a Linear.
    if table.dtype.kind != "f" or table.ndim != 2 or not table.size:
        return None
    return ReadLayer(Unembedding(*table.shape), {"weight": table})


UNEMBEDDING = LayerRow(
    kind=Unembedding,
    examples=(
        LayerExample(Unembedding(4, 3), (3,)),
        LayerExample(Unembedding(3, 2, initializer=Uniform()), (2, 2)),
    ),
    equations=Equations(("y = x·Wᵀ",), ("∂C/∂x = ∂C/∂y · W", "∂L/∂W = Σ ∂C/∂yᵀ · x")),
    worked=_unembedding_worked,
    passes=_unembedding,
    output=Symbol("y", "y"),
    opens=True,
    parameters={"weight": ParameterSymbols("W", Symbol("U", "U"))},
    torch=TorchTwin(
        lambda nn, one: own_module(
            nn,
            one,
            lambda self, x: nn.functional.linear(x, self.weight),
            weight=nn.Linear(one.features, one.entries, bias=False).weight.detach(),
        ),
        tables=frozenset({"weight"}),
    ),
    jax=lambda at, x: x @ at.params["weight"].T,
    onnx=None,
    onnx_forms=(
        OnnxForm(
            op("MatMul", X, op("Transpose", Slot("weight"), perm=(1, 0))),
            lambda at: None if at.stacked else at.params,
            _unembedding_read,
        ),
    ),
    compiled=lambda _: NoKernel("sequence"),
)
