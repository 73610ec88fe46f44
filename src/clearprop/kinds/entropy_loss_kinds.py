"""BinaryCrossEntropy and CrossEntropy: losses of probabilities."""

from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import bracketed, brief
from clearprop.engine.layers.activations import Sigmoid
from clearprop.engine.layers.softmax import Softmax
from clearprop.engine.losses import BinaryCrossEntropy, CrossEntropy
from clearprop.kinds.counterparts import OnnxAttribute, OnnxOperator
from clearprop.kinds.kernels import Kernel
from clearprop.kinds.loss_parts import MOST, numbers, reduced_by, reduced_lines, tensor
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import LossLines
from clearprop.kinds.row import Arithmetic, LossEntry, LossExample, LossRow


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
        Line("c = y - y.max(axis=-1, keepdims=True)", "c = y − max y"),
        Line("log_p = c - np.log(np.exp(c).sum(axis=-1, keepdims=True))", "ln p = c − ln Σⱼ e^c"),
    ]
    ignored = ids and bool(np.any(target == loss.ignore_index))
    if ignored:
        lines.append(
            Line(
                f"counted = t != {loss.ignore_index}", f"k = [t ≠ {in_equation(loss.ignore_index)}]"
            )
        )
    lines += _distribution(loss, ids, output, ignored)
    rows = output.ndim == 2
    counts = ("len(y)", "N") if rows else ("y[..., 0].size", "(N·T)")
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
    shares = "np.exp(log_p) * q.sum(axis=-1, keepdims=True)" if mass else "np.exp(log_p)"
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
    outputs = output.shape[-1]
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
        lines.append(Line("q = q * counted[..., None]", "q ← k q"))
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
    classes, ids = y.shape[-1], t.ndim == y.ndim - 1
    weight = jax.numpy.ones(classes) if loss.weight is None else jax.numpy.asarray(loss.weight)
    shares = jax.nn.one_hot(t, classes, dtype=y.dtype) if ids else t
    shares = shares * (1 - loss.label_smoothing) + loss.label_smoothing / classes
    entries = -(weight * shares * jax.nn.log_softmax(y)).sum(-1)
    if loss.reduction == "mean" and loss.weight is not None and ids:
        return entries.sum() / weight[t].sum()
    return reduced_by(loss, entries)


def _cross_entropy_compiled(one: Any) -> Kernel:
    return Kernel("CROSS_ENTROPY", (one.label_smoothing, one.ignore_index), (one.weight,))


# Beyond it e^y leaves what a float holds, or a reader reads, and the largest logit is taken off
# first, as the loss itself does; the probabilities are the same.
READABLE = 20.0


def _cross_entropy_worked(entry: LossEntry) -> tuple[Arithmetic, ...]:
    """The softmax, −ln of the class that the target names, and p − q of the entry asked for."""
    *lead, asked = entry.place
    entry = entry.at_position(tuple(lead))
    y = entry.output.astype(np.float64)
    highest = float(y.max()) if np.abs(y).max() > READABLE else 0.0
    powers = np.exp(y - highest)
    total = float(powers.sum())
    less = f" − {bracketed(highest)}" if highest else ""
    written = tuple(f"e^({brief(v)}{less})" if less else f"e^{bracketed(v)}" for v in y)
    mass = _mass(entry, len(y))
    wanted = int(entry.target) if not np.ndim(entry.target) else int(np.argmax(mass))
    named = dict.fromkeys([asked, wanted] if mass.any() else [asked])
    sums = entry.at("Σ e^y") if not less else entry.at("Σ e^(y − max y)")
    lines = [Arithmetic(sums, (), total, terms=(powers, written))]
    lines += [
        Arithmetic(entry.at("p", j), (f"{written[j]} / {brief(total)}",), float(powers[j] / total))
        for j in named
    ]
    paid = np.flatnonzero(mass)
    logs = y - highest - np.log(total)
    costs = tuple(
        ("−" if mass[j] == 1 else f"−{brief(mass[j])} × ") + f"ln {brief(powers[j] / total)}"
        for j in paid
    )
    lines.append(Arithmetic(entry.at("ℓ"), (), entry.cost, terms=(-mass[paid] * logs[paid], costs)))
    times = float(mass.sum())
    slope = f"{brief(powers[asked] / total)} − {brief(mass[asked])}"
    if times != 1:
        slope = f"{brief(times)} × {slope}"
    return (*lines, Arithmetic(entry.at("∂ℓ/∂y", asked), (slope,), entry.slope))


def _mass(entry: LossEntry, outputs: int) -> Array:
    """W q of one sample: how much every class counts."""
    loss, target = entry.loss, entry.target
    if np.ndim(target):
        found = target.astype(np.float64)
        counts = 1.0
    else:
        counts = float(int(target) != loss.ignore_index)
        found = (np.arange(outputs) == int(target)).astype(np.float64)
    found = (1 - loss.label_smoothing) * found + counts * loss.label_smoothing / outputs
    if loss.weight is not None:
        found = found * np.array(loss.weight)
    return np.asarray(found)


def _class_shares(loss: Any, target: Array, outputs: int) -> Array:
    """Ln p of the p that Σ w q ln p is largest for: how often each class is wanted, with its
    weight."""
    if target.dtype.kind in "biu":
        # intp, which is what bincount takes: of 32 bits in a browser.
        kept = target[target != loss.ignore_index].astype(np.intp)
        wanted, samples = np.bincount(kept, minlength=outputs).astype(np.float64), len(kept)
    else:
        wanted, samples = target.sum(axis=0, dtype=np.float64), len(target)
    mass = (1 - loss.label_smoothing) * wanted + loss.label_smoothing * samples / outputs
    if loss.weight is not None:
        mass = mass * np.array(loss.weight)
    found: Array = np.log(np.maximum(mass / max(mass.sum(), 1e-300), np.exp(-MOST)))
    return found


def _binary_worked(entry: LossEntry) -> tuple[Arithmetic, ...]:
    """The sigmoid, the logarithms that the target asks for, and σ(y) − t."""
    loss, t, p = entry.loss, entry.t, float(np.exp(-np.logaddexp(0, -entry.y)))
    j = entry.place[-1]
    w = 1.0 if loss.weight is None else loss.weight[j]
    c = 1.0 if loss.pos_weight is None else loss.pos_weight[j]
    yes = _weighed((w, c, t), f"ln {brief(p)}")
    no = _weighed((w, 1 - t), f"ln(1 − {brief(p)})")
    slope = f"{brief(p)} − {brief(t)}"
    if w != 1 or c != 1:
        slope = f"{brief(w * (1 - t))} × {brief(p)} − {brief(w * c * t)} × (1 − {brief(p)})"
    squashed = f"1 / (1 + e^{bracketed(-entry.y)})"
    costs = tuple(f"−{one}" for one in (yes, no) if one)
    cost, back = entry.lines("", slope)
    return (
        Arithmetic(entry.at("σ(y)", *entry.place), (squashed,), p),
        cost._replace(right=costs),
        back,
    )


def _weighed(factors: tuple[float, ...], logarithm: str) -> str:
    """A logarithm with what it is multiplied by; nothing where that is 0."""
    if not all(factors):
        return ""
    return "".join(f"{brief(one)} × " for one in factors if one != 1) + logarithm


def _log_odds(loss: Any, target: Array, _: int) -> Array:
    """Where c Σt σ(−y) = Σ(1 − t) σ(y): at y = ln(c Σt / Σ(1 − t))."""
    yes, no = target.sum(axis=0, dtype=np.float64), (1.0 - target).sum(axis=0, dtype=np.float64)
    if loss.pos_weight is not None:
        yes = yes * np.array(loss.pos_weight)
    with np.errstate(divide="ignore"):
        found: Array = np.clip(np.log(yes) - np.log(no), -MOST, MOST)
    return found


ENTROPY_LOSSES = (
    LossRow(
        kind=BinaryCrossEntropy,
        examples=(
            LossExample(BinaryCrossEntropy(), 1, shares),
            LossExample(BinaryCrossEntropy(weight=(1, 0.5, 2), pos_weight=(3, 1, 0.25)), 3, shares),
            LossExample(BinaryCrossEntropy(reduction="sum"), 2, shares),
        ),
        equations=_binary_equations,
        worked=_binary_worked,
        constant=_log_odds,
        lines=_binary,
        torch=lambda torch, one: torch.nn.BCEWithLogitsLoss(
            tensor(torch, one.weight),
            reduction=one.reduction,
            pos_weight=tensor(torch, one.pos_weight),
        ),
        reads={
            "BCEWithLogitsLoss": lambda m: BinaryCrossEntropy(
                numbers(m.weight), numbers(m.pos_weight), m.reduction
            )
        },
        probabilities=Sigmoid(),
        jax=_binary_in_jax,
        onnx=None,
        compiled=lambda one: Kernel("BINARY_CROSS_ENTROPY", arrays=(one.weight, one.pos_weight)),
        example_target=lambda seen, real: f"({seen} > 0).astype({real})",
        tells_two_apart=True,
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
        worked=_cross_entropy_worked,
        constant=_class_shares,
        lines=_cross_entropy,
        torch=lambda torch, one: torch.nn.CrossEntropyLoss(
            tensor(torch, one.weight),
            ignore_index=one.ignore_index,
            reduction=one.reduction,
            label_smoothing=one.label_smoothing,
        ),
        reads={
            "CrossEntropyLoss": lambda m: CrossEntropy(
                numbers(m.weight), m.label_smoothing, m.ignore_index, m.reduction
            )
        },
        probabilities=Softmax(),
        jax=_cross_entropy_in_jax,
        onnx=OnnxOperator(
            "SoftmaxCrossEntropyLoss",
            {
                "ignore_index": OnnxAttribute("ignore_index", -100),
                "reduction": OnnxAttribute("reduction", "mean"),
            },
        ),
        compiled=_cross_entropy_compiled,
        example_target=lambda seen, _: f"({seen}).argmax(axis=-1)",
        takes_classes=True,
    ),
)
