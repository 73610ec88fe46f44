"""SGD, RMSprop, Adagrad, Adam, AdamW and Clipped.

An update is a function of one array: `update(w, dw, v)` returns the new w and what it remembers.
Clipping sees all gradients at once and is a function of its own, before the updates.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from clearprop.engine.optimizers import SGD, Adagrad, Adam, AdamW, Clipped, Optimizer, RMSprop
from clearprop.engine.optimizers.clipping import NORM_EPS
from clearprop.engine.schedules import CosineDecay, Warmup, rate_at
from clearprop.kinds.counterparts import OnnxAttribute, OnnxOperator
from clearprop.kinds.kernels import NoKernel, OptimizerKernel, optimizer_kernel
from clearprop.kinds.program_lines import Line, in_equation, literal
from clearprop.kinds.program_pieces import Memory, UpdateLines, is_constant
from clearprop.kinds.training_rows import OptimizerRow

Constants = Sequence[tuple[str, float, str]]


def _rate(optimizer: Any) -> str:
    return "LEARNING_RATE" if is_constant(optimizer.learning_rate) else "rate"


def _update(
    optimizer: Any,
    lines: Sequence[Line],
    result: Line,
    memory: Sequence[Memory],
    constants: Constants,
    *,
    counts: bool = False,
) -> UpdateLines:
    """The lines of an update, with a learning rate that never changes among its constants."""
    rate = optimizer.learning_rate
    own = (("LEARNING_RATE", rate_at(rate, 0), "η"),) if is_constant(rate) else ()
    return UpdateLines(
        type(optimizer).__name__,
        tuple(lines),
        result,
        tuple(memory),
        (*own, *constants),
        counts,
        rate,
    )


def _gradient(optimizer: Any) -> str:
    return "g = ∂L/∂w + λ w" if optimizer.weight_decay else "g = ∂L/∂w"


def _decay(optimizer: Any) -> tuple[list[Line], list[tuple[str, float, str]]]:
    """Weight decay that is part of the gradient."""
    if not optimizer.weight_decay:
        return [], []
    return (
        [Line("dw = dw + WEIGHT_DECAY * w", "∂L/∂w ← ∂L/∂w + λ w")],
        [("WEIGHT_DECAY", optimizer.weight_decay, "λ")],
    )


def _sgd(optimizer: Any, _: object) -> UpdateLines:
    lines, constants = _decay(optimizer)
    rate = _rate(optimizer)
    if not optimizer.momentum:
        result = Line(f"w - {rate} * dw", "w ← w − η ∂L/∂w")
        return _update(optimizer, lines, result, (), constants)
    constants = [("MOMENTUM", optimizer.momentum, "μ"), *constants]
    if optimizer.dampening:
        constants.append(("DAMPENING", optimizer.dampening, "d"))
        lines += [
            Line("share = 1 if n == 1 else 1 - DAMPENING", "s = [n = 1] + [n > 1] (1 − d)"),
            Line("v = MOMENTUM * v + share * dw", "v ← μ v + s ∂L/∂w"),
        ]
    else:
        lines.append(Line("v = MOMENTUM * v + dw", "v ← μ v + ∂L/∂w"))
    result = Line(f"w - {rate} * v", "w ← w − η v")
    if optimizer.nesterov:
        result = Line(f"w - {rate} * (dw + MOMENTUM * v)", "w ← w − η (∂L/∂w + μ v)")
    velocity = Memory("v", "v", "velocity")
    return _update(
        optimizer, lines, result, (velocity,), constants, counts=bool(optimizer.dampening)
    )


def _rmsprop(optimizer: Any, _: object) -> UpdateLines:
    lines, decay = _decay(optimizer)
    constants = [("ALPHA", optimizer.alpha, "α"), ("EPSILON", optimizer.eps, "ε"), *decay]
    memory = [Memory("s", "s", "square")]
    lines.append(Line("s = ALPHA * s + (1 - ALPHA) * dw**2", "s ← α s + (1 − α) (∂L/∂w)²"))
    spread, spread_math = "s", "s"
    if optimizer.centered:
        memory.append(Memory("m", "m", "mean"))
        lines += [
            Line("m = ALPHA * m + (1 - ALPHA) * dw", "m ← α m + (1 − α) ∂L/∂w"),
            Line("spread = np.maximum(s - m**2, 0)", "q = max(s − m², 0)"),
        ]
        spread, spread_math = "spread", "q"
    direction = f"dw / (np.sqrt({spread}) + EPSILON)"
    direction_math = f"∂L/∂w / (√{spread_math} + ε)"
    rate = _rate(optimizer)
    result = Line(f"w - {rate} * {direction}", f"w ← w − η {direction_math}")
    if optimizer.momentum:
        constants.append(("MOMENTUM", optimizer.momentum, "μ"))
        memory.append(Memory("v", "v", "velocity"))
        lines.append(Line(f"v = MOMENTUM * v + {direction}", f"v ← μ v + {direction_math}"))
        result = Line(f"w - {rate} * v", "w ← w − η v")
    return _update(optimizer, lines, result, memory, constants)


def _adagrad(optimizer: Any, _: object) -> UpdateLines:
    lines, decay = _decay(optimizer)
    constants = [("EPSILON", optimizer.eps, "ε"), *decay]
    lines.append(Line("s = s + dw**2", "s ← s + (∂L/∂w)²"))
    rate, rate_math = _rate(optimizer), "η"
    if optimizer.lr_decay:
        constants.append(("RATE_DECAY", optimizer.lr_decay, "δ"))
        lines.append(Line(f"eta = {rate} / (1 + (n - 1) * RATE_DECAY)", "ηₙ = η / (1 + (n − 1) δ)"))
        rate, rate_math = "eta", "ηₙ"
    return _update(
        optimizer,
        lines,
        Line(
            f"w - {rate} * dw / (np.sqrt(s) + EPSILON)",
            f"w ← w − {rate_math} ∂L/∂w / (√s + ε)",
        ),
        (Memory("s", "s", "square_sum", optimizer.initial_accumulator_value),),
        constants,
        counts=bool(optimizer.lr_decay),
    )


def _adam(optimizer: Any, _: object) -> UpdateLines:
    return _adaptive_moments(optimizer, *_decay(optimizer))


def _adamw(optimizer: Any, _: object) -> UpdateLines:
    """Weight decay is taken off the weights themselves."""
    lines, decay = _decay(optimizer)
    code = f"w = (1 - {_rate(optimizer)} * WEIGHT_DECAY) * w"
    return _adaptive_moments(optimizer, [Line(code, "w ← (1 − η λ) w") for _ in lines], decay)


def _adaptive_moments(optimizer: Any, lines: list[Line], decay: Constants) -> UpdateLines:
    rate = _rate(optimizer)
    constants = [
        ("BETA_1", optimizer.betas[0], "β₁"),
        ("BETA_2", optimizer.betas[1], "β₂"),
        ("EPSILON", optimizer.eps, "ε"),
        *decay,
    ]
    memory = [Memory("m", "m", "mean"), Memory("v", "v", "square")]
    lines += [
        Line("m = BETA_1 * m + (1 - BETA_1) * dw", "m ← β₁ m + (1 − β₁) ∂L/∂w"),
        Line("v = BETA_2 * v + (1 - BETA_2) * dw**2", "v ← β₂ v + (1 − β₂) (∂L/∂w)²"),
        Line("m_hat = m / (1 - BETA_1**n)", "m̂ = m / (1 − β₁ⁿ)"),
    ]
    if optimizer.amsgrad:
        memory.append(Memory("top", "v⁺", "largest_square"))
        lines += [
            Line("top = np.maximum(top, v)", "v⁺ ← max(v⁺, v)"),
            Line("v_hat = top / (1 - BETA_2**n)", "v̂ = v⁺ / (1 − β₂ⁿ)"),
        ]
    else:
        lines.append(Line("v_hat = v / (1 - BETA_2**n)", "v̂ = v / (1 − β₂ⁿ)"))
    result = Line(f"w - {rate} * m_hat / (np.sqrt(v_hat) + EPSILON)", "w ← w − η m̂ / (√v̂ + ε)")
    return _update(optimizer, lines, result, memory, constants, counts=True)


def _clipping(optimizer: Clipped) -> list[Line]:
    if optimizer.value is not None:
        bound, in_math = literal(optimizer.value), in_equation(optimizer.value)
        return [
            Line(
                f"gradients = [np.clip(g, -{bound}, {bound}) for g in gradients]",
                f"g ← min(max(g, −{in_math}), {in_math})",
            )
        ]
    norm = optimizer.norm or 0.0
    return [
        Line("norm = np.sqrt(sum((g**2).sum() for g in gradients))", "‖g‖ = √(Σ g²)"),
        Line(
            f"scale = min({literal(norm)} / (norm + {literal(NORM_EPS)}), 1)",
            f"s = min({in_equation(norm)} / (‖g‖ + {in_equation(NORM_EPS)}), 1)",
        ),
        Line("gradients = [scale * g for g in gradients]", "g ← s g"),
    ]


def _clipped(optimizer: Clipped, inner: Callable[[Optimizer], UpdateLines]) -> UpdateLines:
    made = inner(optimizer.optimizer)
    return replace(made, clipping=(*_clipping(optimizer), *made.clipping))


def _sgd_equations(optimizer: SGD, _: object) -> tuple[str, ...]:
    gradient = _gradient(optimizer)
    if not optimizer.momentum:
        return (f"w ← w − η g,  {gradient}",)
    direction = "(g + μ v)" if optimizer.nesterov else "v"
    return (f"v ← μ v + (1 − d) g,  {gradient}", f"w ← w − η {direction}")


def _rmsprop_equations(optimizer: RMSprop, _: object) -> tuple[str, ...]:
    size = "√(s − m²) + ε" if optimizer.centered else "√s + ε"
    first = f"s ← α s + (1 − α) g²,  {_gradient(optimizer)}"
    if optimizer.momentum:
        return (first, f"v ← μ v + g / ({size})", "w ← w − η v")
    return (first, f"w ← w − η g / ({size})")


def _adagrad_equations(optimizer: Adagrad, _: object) -> tuple[str, ...]:
    return (f"s ← s + g²,  {_gradient(optimizer)}", "w ← w − η g / (√s + ε)")


def _adam_equations(optimizer: Adam, _: object) -> tuple[str, ...]:
    return (_moments(_gradient(optimizer)), "w ← w − η m̂ / (√v̂ + ε)")


def _adamw_equations(*_: object) -> tuple[str, ...]:
    return (_moments("g = ∂L/∂w"), "w ← w − η λ w − η m̂ / (√v̂ + ε)")


def _moments(gradient: str) -> str:
    return f"m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  {gradient}"


def _clipped_equations(
    optimizer: Clipped, inner: Callable[[Optimizer], tuple[str, ...]]
) -> tuple[str, ...]:
    by_norm = "∂L/∂w ← ∂L/∂w · min(1, c / ‖∂L/∂w‖)"
    by_value = "∂L/∂w ← ∂L/∂w, held between −c and c"
    first = by_value if optimizer.norm is None else by_norm
    return (first, *inner(optimizer.optimizer))


def _adam_compiled(one: Adam, *, decoupled: bool = False) -> OptimizerKernel:
    settings = (*one.betas, one.eps, one.weight_decay, float(one.amsgrad), float(decoupled))
    return OptimizerKernel("ADAM", settings, one.learning_rate)


def _clipped_compiled(
    one: Clipped, inner: Callable[[Optimizer], OptimizerKernel | NoKernel]
) -> OptimizerKernel | NoKernel:
    found = inner(one.optimizer)
    if isinstance(found, NoKernel):
        return found
    clip = (False, one.norm) if one.norm is not None else (True, one.value or 0.0)
    return found._replace(clips=(clip, *found.clips))


# What ONNX calls a weight decay that is part of the gradient.
DECAY = OnnxAttribute("norm_coefficient", 0.0)

OPTIMIZER_KINDS = (
    OptimizerRow(
        kind=SGD,
        examples=(
            SGD(0.05),
            SGD(0.05, momentum=0.9),
            SGD(0.05, momentum=0.9, dampening=0.5, weight_decay=0.01),
            SGD(0.05, momentum=0.9, nesterov=True),
            SGD(Warmup(CosineDecay(0.1, t_max=40, eta_min=0.001), steps=5), momentum=0.9),
        ),
        equations=_sgd_equations,
        update=_sgd,
        onnx=OnnxOperator(
            "Momentum", {"momentum": OnnxAttribute("alpha", None), "weight_decay": DECAY}
        ),
        compiled=optimizer_kernel("SGD", "momentum", "dampening", "weight_decay", "nesterov"),
    ),
    OptimizerRow(
        kind=RMSprop,
        examples=(
            RMSprop(),
            RMSprop(alpha=0.9, centered=True),
            RMSprop(eps=1e-4, weight_decay=0.01, momentum=0.5, centered=True),
        ),
        equations=_rmsprop_equations,
        update=_rmsprop,
        onnx=None,
        compiled=optimizer_kernel(
            "RMSPROP", "alpha", "eps", "weight_decay", "momentum", "centered"
        ),
    ),
    OptimizerRow(
        kind=Adagrad,
        examples=(
            Adagrad(),
            Adagrad(0.1, lr_decay=0.01, weight_decay=0.01, initial_accumulator_value=0.1, eps=1e-6),
        ),
        equations=_adagrad_equations,
        update=_adagrad,
        onnx=OnnxOperator(
            "Adagrad",
            {
                "lr_decay": OnnxAttribute("decay_factor", 0.0),
                "weight_decay": DECAY,
                "eps": OnnxAttribute("epsilon", 0.0),
            },
        ),
        compiled=optimizer_kernel("ADAGRAD", "lr_decay", "eps", "weight_decay"),
    ),
    OptimizerRow(
        kind=Adam,
        examples=(
            Adam(),
            Adam(0.01, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.01),
            Adam(0.01, amsgrad=True),
        ),
        equations=_adam_equations,
        update=_adam,
        onnx=OnnxOperator("Adam", {"eps": OnnxAttribute("epsilon", 0.0), "weight_decay": DECAY}),
        compiled=lambda one, _: _adam_compiled(one),
    ),
    OptimizerRow(
        kind=AdamW,
        examples=(AdamW(), AdamW(0.01, weight_decay=0.1, amsgrad=True)),
        equations=_adamw_equations,
        update=_adamw,
        onnx=None,
        compiled=lambda one, _: _adam_compiled(one, decoupled=True),
    ),
    OptimizerRow(
        kind=Clipped,
        examples=(
            Clipped(SGD(0.05, momentum=0.9), norm=0.5),
            Clipped(Adam(0.01), value=0.1),
        ),
        equations=_clipped_equations,
        update=_clipped,
        onnx=None,
        compiled=_clipped_compiled,
    ),
)
