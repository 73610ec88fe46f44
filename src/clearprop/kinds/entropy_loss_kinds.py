"""BinaryCrossEntropy and CrossEntropy: losses of probabilities."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.losses import BinaryCrossEntropy, CrossEntropy
from clearprop.kinds.kernels import Kernel
from clearprop.kinds.loss_parts import reduced_by, reduced_lines, tensor
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import LossLines
from clearprop.kinds.row import LossExample, LossRow, OnnxAttribute, OnnxOperator


def shares(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Numbers from 0 to 1, each by itself, about half of them 0 or 1 exactly."""
    return np.clip(generator.uniform(-0.5, 1.5, (samples, outputs)), 0, 1)


def classes(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Class ids (N,)."""
    return generator.integers(outputs, size=samples)


def probabilities(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Rows that sum to 1."""
    return generator.dirichlet(np.ones(outputs), samples)


def _binary(loss: Any, *_: object) -> LossLines:
    constants = {}
    yes, no, yes_math, no_math = "t", "(1 - t)", "t", "(1 − t)"
    if loss.weight is None and loss.pos_weight is None:
        lines = reduced_lines(
            loss, "np.logaddexp(0, y) - t * y", "ln(1 + e^y) − t y", "sigmoid(y) - t", "σ(y) − t"
        )
        return LossLines(tuple(lines))
    if loss.pos_weight is not None:
        constants["POS_WEIGHT"] = loss.pos_weight
        yes, yes_math = f"POS_WEIGHT * {yes}", f"c {yes_math}"
    if loss.weight is not None:
        constants["WEIGHT"] = loss.weight
        yes, yes_math = f"WEIGHT * {yes}", f"w {yes_math}"
        no, no_math = f"WEIGHT * {no}", f"w {no_math}"
    lines = [
        Line(f"yes = {yes}", f"u = {yes_math}"),
        Line(f"no = {no}", f"v = {no_math}"),
        *reduced_lines(
            loss,
            "yes * np.logaddexp(0, -y) + no * np.logaddexp(0, y)",
            "u ln(1 + e^−y) + v ln(1 + e^y)",
            "no * sigmoid(y) - yes * sigmoid(-y)",
            "v σ(y) − u σ(−y)",
        ),
    ]
    return LossLines(tuple(lines), constants)


def _cross_entropy(loss: Any, target: Array, output: Array) -> LossLines:
    constants = {}
    ids = target.dtype.kind in "iu"
    lines = [
        Line("c = y - y.max(axis=1, keepdims=True)", "c = y − max y"),
        Line("log_p = c - np.log(np.exp(c).sum(axis=1, keepdims=True))", "ln p = c − ln Σⱼ e^c"),
    ]
    ignored = ids and bool(np.any(target == loss.ignore_index))
    if ignored:
        lines.append(
            Line(
                f"counted = t != {loss.ignore_index}", f"k = [t ≠ {in_equation(loss.ignore_index)}]"
            )
        )
    lines += _distribution(loss, ids, output, ignored)
    counts = "len(y)", "N"
    if ids and loss.weight is not None:
        counts = "total", "S"
        share = "WEIGHT[t]"
        if ignored:
            share = "(counted * WEIGHT[np.where(counted, t, 0)])"
        lines.append(
            Line(f"total = {share}.sum()", "S = Σₙ w[t]" if not ignored else "S = Σₙ k w[t]")
        )
    elif ignored:
        counts = "len(t[counted])", "Σₙ k"
    if loss.weight is not None:
        constants["WEIGHT"] = loss.weight
        lines.append(Line("q = WEIGHT * q", "q ← w q"))
    # Without weights the shares of a class id sum to 1.
    mass = loss.weight is not None or ignored or not ids
    shares = "np.exp(log_p) * q.sum(axis=1, keepdims=True)" if mass else "np.exp(log_p)"
    shares_math = "p Σⱼ q" if mass else "p"
    divided = "" if loss.reduction == "sum" else f" / {counts[0]}"
    in_front = "" if loss.reduction == "sum" else f"1/{counts[1]} "
    if loss.reduction == "sum":
        lines = [line for line in lines if not line.code.startswith("total")]
    slope = f"({shares} - q){divided}" if divided else f"{shares} - q"
    lines += [
        Line(f"loss = -(q * log_p).sum(){divided}", f"L = −{in_front}Σₙⱼ q ln p"),
        Line(
            f"dy = {slope}",
            f"∂L/∂y = ({shares_math} − q) / {counts[1]}"
            if divided
            else f"∂L/∂y = {shares_math} − q",
        ),
    ]
    return LossLines(tuple(lines), constants)


def _distribution(loss: Any, ids: bool, output: Array, ignored: bool) -> list[Line]:
    """q, what the target says of every class."""
    outputs = output.shape[1]
    smoothing = loss.label_smoothing
    lines = []
    source, source_math = "t", "t"
    if ids:
        rows = "np.where(counted, t, 0)" if ignored else "t"
        dtype = "" if output.dtype == np.float64 else f", dtype=np.{output.dtype}"
        lines.append(Line(f"q = np.eye({outputs}{dtype})[{rows}]", "q = [t = j]"))
        source, source_math = "q", "q"
    if smoothing:
        eps, in_math = literal(smoothing), in_equation(smoothing)
        lines.append(
            Line(
                f"q = (1 - {eps}) * {source} + {eps} / {outputs}",
                f"q ← (1 − {in_math}) {source_math} + {in_math} / {outputs}",
            )
        )
    elif not ids:
        lines.append(Line("q = t", "q = t"))
    if ignored:
        lines.append(Line("q = q * counted[:, None]", "q ← k q"))
    return lines


def _binary_equations(loss: Any) -> tuple[str, ...]:
    if loss.weight is None and loss.pos_weight is None:
        return ("ℓ = −t ln σ(y) − (1 − t) ln(1 − σ(y)),  ∂ℓ/∂y = σ(y) − t",)
    return (
        "ℓ = −w (c t ln σ(y) + (1 − t) ln(1 − σ(y)))",
        "∂ℓ/∂y = w ((1 − t) σ(y) − c t σ(−y))",
    )


def _cross_entropy_equations(loss: Any) -> tuple[str, ...]:
    if loss.weight is None:
        return ("ℓ = −Σ q ln p,  p = softmax(y),  ∂ℓ/∂y = p − q",)
    return ("ℓ = −Σ w q ln p,  p = softmax(y),  ∂ℓ/∂y = p Σ w q − w q",)


def _binary_in_jax(jax: Any, loss: Any, y: Any, t: Any) -> Any:
    positive = 1.0 if loss.pos_weight is None else jax.numpy.asarray(loss.pos_weight)
    weight = 1.0 if loss.weight is None else jax.numpy.asarray(loss.weight)
    log_sigmoid = jax.nn.log_sigmoid
    entries = -weight * (positive * t * log_sigmoid(y) + (1 - t) * log_sigmoid(-y))
    return reduced_by(loss, entries)


def _cross_entropy_in_jax(jax: Any, loss: Any, y: Any, t: Any) -> Any:
    classes, ids = y.shape[-1], t.ndim == 1
    weight = jax.numpy.ones(classes) if loss.weight is None else jax.numpy.asarray(loss.weight)
    shares = jax.nn.one_hot(t, classes, dtype=y.dtype) if ids else t
    shares = shares * (1 - loss.label_smoothing) + loss.label_smoothing / classes
    entries = -(weight * shares * jax.nn.log_softmax(y)).sum(-1)
    if loss.reduction == "mean" and loss.weight is not None and ids:
        return entries.sum() / weight[t].sum()
    return reduced_by(loss, entries)


def _cross_entropy_compiled(one: Any) -> Kernel:
    return Kernel("CROSS_ENTROPY", (one.label_smoothing, one.ignore_index), (one.weight,))


ENTROPY_LOSSES = (
    LossRow(
        kind=BinaryCrossEntropy,
        examples=(
            LossExample(BinaryCrossEntropy(), 1, shares),
            LossExample(BinaryCrossEntropy(weight=(1, 0.5, 2), pos_weight=(3, 1, 0.25)), 3, shares),
            LossExample(BinaryCrossEntropy(reduction="sum"), 2, shares),
        ),
        equations=_binary_equations,
        written=None,
        lines=_binary,
        torch=lambda torch, one: torch.nn.BCEWithLogitsLoss(
            tensor(torch, one.weight),
            reduction=one.reduction,
            pos_weight=tensor(torch, one.pos_weight),
        ),
        jax=_binary_in_jax,
        onnx=None,
        compiled=lambda one: Kernel("BINARY_CROSS_ENTROPY", arrays=(one.weight, one.pos_weight)),
        example_target=lambda seen, real: f"({seen} > 0).astype({real})",
    ),
    LossRow(
        kind=CrossEntropy,
        examples=(
            LossExample(CrossEntropy(), 3, classes),
            LossExample(CrossEntropy(weight=(1, 0.5, 2), label_smoothing=0.1), 3, classes),
            LossExample(CrossEntropy(), 4, probabilities),
            LossExample(CrossEntropy(weight=(1, 0.5, 2), label_smoothing=0.1), 3, probabilities),
            LossExample(CrossEntropy(reduction="sum"), 2, classes),
        ),
        equations=_cross_entropy_equations,
        written=None,
        lines=_cross_entropy,
        torch=lambda torch, one: torch.nn.CrossEntropyLoss(
            tensor(torch, one.weight),
            ignore_index=one.ignore_index,
            reduction=one.reduction,
            label_smoothing=one.label_smoothing,
        ),
        jax=_cross_entropy_in_jax,
        onnx=OnnxOperator(
            "SoftmaxCrossEntropyLoss",
            {
                "ignore_index": OnnxAttribute("ignore_index", -100),
                "reduction": OnnxAttribute("reduction", "mean"),
            },
        ),
        compiled=_cross_entropy_compiled,
        example_target=lambda seen, _: f"({seen}).argmax(axis=1)",
        takes_classes=True,
    ),
)
