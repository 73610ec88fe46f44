"""How every optimizer and every schedule is written.

An update is a function of one array: `update(w, dw, v)` returns the new w and what it remembers.
Clipping sees all gradients at once and is a function of its own, before the updates.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from clearprop.base.errors import ContractError
from clearprop.engine.optimizers import SGD, Adagrad, Adam, AdamW, Clipped, Optimizer, RMSprop
from clearprop.engine.optimizers.clipping import NORM_EPS
from clearprop.engine.schedules import (
    ConstantRate,
    CosineDecay,
    ExponentialDecay,
    Rate,
    Schedule,
    StepDecay,
    Warmup,
    rate_at,
)
from clearprop.kinds.program_lines import Line, in_equation, number


@dataclass(frozen=True)
class Memory:
    """One array that an optimizer remembers: its name in `update`, in equations and in the
    optimizer's state, and the number that it starts from."""

    name: str
    math: str
    slot: str
    start: float = 0.0


@dataclass(frozen=True)
class UpdateLines:
    """The update of one array.

    lines       from w, dw and the memory to the new memory
    result      the code and equation of the new w
    memory      what it remembers
    constants   name, value and symbol of every constant that the lines read
    counts      whether it reads n, the number of the step from 1
    rate        the learning rate; one that never changes stands among the constants
    clipping    the lines of `clip`, from `gradients` to `gradients`
    """

    lines: tuple[Line, ...]
    result: Line
    memory: tuple[Memory, ...]
    constants: tuple[tuple[str, float, str], ...]
    counts: bool
    rate: Rate
    clipping: tuple[Line, ...] = ()

    @property
    def schedule(self) -> Schedule | None:
        """The learning rate where it changes from step to step."""
        return (
            self.rate if isinstance(self.rate, Schedule) and not _is_constant(self.rate) else None
        )


def update_lines(optimizer: Optimizer) -> UpdateLines:
    """The lines of an optimizer. Raises ContractError for one that is not of the catalogue."""
    clipping: list[Line] = []
    while type(optimizer) is Clipped:
        clipping += _clip(optimizer)
        optimizer = optimizer.optimizer
    if type(optimizer) not in WRITERS:
        raise ContractError(
            "program_optimizer_own",
            name=type(optimizer).__name__,
            known=", ".join([*(kind.__name__ for kind in WRITERS), "Clipped"]),
        )
    made = WRITERS[type(optimizer)](optimizer)
    constants = made.constants
    if made.schedule is None:
        constants = (("LEARNING_RATE", rate_at(made.rate, 0), "η"), *constants)
    return replace(made, constants=constants, clipping=tuple(clipping))


def _rate(optimizer: Any) -> str:
    return "LEARNING_RATE" if _is_constant(optimizer.learning_rate) else "rate"


def plain_optimizer(optimizer: Optimizer) -> Optimizer:
    """The optimizer without its clippings."""
    while isinstance(optimizer, Clipped):
        optimizer = optimizer.optimizer
    return optimizer


def _is_constant(rate: Rate) -> bool:
    return isinstance(rate, float | ConstantRate)


def _decay(optimizer: Any) -> tuple[list[Line], list[tuple[str, float, str]]]:
    """Weight decay that is part of the gradient."""
    if not optimizer.weight_decay:
        return [], []
    return (
        [Line("dw = dw + WEIGHT_DECAY * w", "∂L/∂w ← ∂L/∂w + λ w")],
        [("WEIGHT_DECAY", optimizer.weight_decay, "λ")],
    )


def _sgd(optimizer: Any) -> UpdateLines:
    lines, constants = _decay(optimizer)
    rate = _rate(optimizer)
    if not optimizer.momentum:
        result = Line(f"w - {rate} * dw", "w ← w − η ∂L/∂w")
        return UpdateLines(
            tuple(lines), result, (), tuple(constants), False, optimizer.learning_rate
        )
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
    return UpdateLines(
        tuple(lines),
        result,
        (Memory("v", "v", "velocity"),),
        tuple(constants),
        bool(optimizer.dampening),
        optimizer.learning_rate,
    )


def _rmsprop(optimizer: Any) -> UpdateLines:
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
    return UpdateLines(
        tuple(lines), result, tuple(memory), tuple(constants), False, optimizer.learning_rate
    )


def _adagrad(optimizer: Any) -> UpdateLines:
    lines, decay = _decay(optimizer)
    constants = [("EPSILON", optimizer.eps, "ε"), *decay]
    lines.append(Line("s = s + dw**2", "s ← s + (∂L/∂w)²"))
    rate, rate_math = _rate(optimizer), "η"
    if optimizer.lr_decay:
        constants.append(("RATE_DECAY", optimizer.lr_decay, "δ"))
        lines.append(Line(f"eta = {rate} / (1 + (n - 1) * RATE_DECAY)", "ηₙ = η / (1 + (n − 1) δ)"))
        rate, rate_math = "eta", "ηₙ"
    return UpdateLines(
        tuple(lines),
        Line(
            f"w - {rate} * dw / (np.sqrt(s) + EPSILON)",
            f"w ← w − {rate_math} ∂L/∂w / (√s + ε)",
        ),
        (Memory("s", "s", "square_sum", optimizer.initial_accumulator_value),),
        tuple(constants),
        bool(optimizer.lr_decay),
        optimizer.learning_rate,
    )


def _adam(optimizer: Any) -> UpdateLines:
    lines, decay = _decay(optimizer)
    rate = _rate(optimizer)
    if type(optimizer) is AdamW:
        lines = [Line(f"w = (1 - {rate} * WEIGHT_DECAY) * w", "w ← (1 − η λ) w")] if decay else []
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
    return UpdateLines(
        tuple(lines),
        Line(f"w - {rate} * m_hat / (np.sqrt(v_hat) + EPSILON)", "w ← w − η m̂ / (√v̂ + ε)"),
        tuple(memory),
        tuple(constants),
        True,
        optimizer.learning_rate,
    )


def _clip(optimizer: Clipped) -> list[Line]:
    if optimizer.value is not None:
        bound, in_math = number(optimizer.value), in_equation(optimizer.value)
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
            f"scale = min({number(norm)} / (norm + {number(NORM_EPS)}), 1)",
            f"s = min({in_equation(norm)} / (‖g‖ + {in_equation(NORM_EPS)}), 1)",
        ),
        Line("gradients = [scale * g for g in gradients]", "g ← s g"),
    ]


WRITERS: dict[type[Optimizer], Callable[[Any], UpdateLines]] = {
    SGD: _sgd,
    RMSprop: _rmsprop,
    Adagrad: _adagrad,
    Adam: _adam,
    AdamW: _adam,
}


def schedule_lines(schedule: Schedule) -> list[str]:
    """The body of `learning_rate(step)`, each return with its equation above it.

    Raises ContractError for a schedule that is not of the catalogue.
    """
    return _schedule(schedule, "step", "s")


def _schedule(rate: Rate, step: str, math: str) -> list[str]:
    if isinstance(rate, Warmup):
        factor = number(rate.start_factor)
        then = rate_at(rate.then, 0)
        factor_math = in_equation(rate.start_factor)
        return [
            f"if {step} < {rate.steps}:",
            f"    # f = {factor_math} + (1 − {factor_math}) {math} / {rate.steps}",
            f"    factor = {factor} + (1 - {factor}) * {step} / {rate.steps}",
            f"    # η = f · {in_equation(then)}",
            f"    return factor * {number(then)}",
            *_schedule(rate.then, f"({step} - {rate.steps})", f"({math} − {rate.steps})"),
        ]
    code, equation = _formula(rate, step, math)
    return [f"# η = {equation}", f"return {code}"]


def _formula(rate: Rate, step: str, math: str) -> tuple[str, str]:
    """The rate of a step as code and as an equation."""
    if isinstance(rate, float):
        return number(rate), in_equation(rate)
    if type(rate) is ConstantRate:
        return number(rate.learning_rate), in_equation(rate.learning_rate)
    if type(rate) is StepDecay:
        start, gamma = number(rate.learning_rate), number(rate.gamma)
        return (
            f"{start} * {gamma} ** ({step} // {rate.step_size})",
            f"{start} · {gamma}^⌊{math} / {rate.step_size}⌋",
        )
    if type(rate) is ExponentialDecay:
        start, gamma = number(rate.learning_rate), number(rate.gamma)
        power = "**" if step.isidentifier() else " ** "
        return f"{start} * {gamma}{power}{step}", f"{start} · {gamma}^{math}"
    if type(rate) is CosineDecay:
        start, least = number(rate.learning_rate), number(rate.eta_min)
        wave = f"float(0.5 * (1 + np.cos(np.pi * {step} / {rate.t_max})))"
        wave_math = f"½ (1 + cos(π {math} / {rate.t_max}))"
        if rate.eta_min == 0:
            return f"{start} * {wave}", f"{start} · {wave_math}"
        return f"{least} + ({start} - {least}) * {wave}", (
            f"{least} + ({start} − {least}) · {wave_math}"
        )
    raise ContractError(
        "program_schedule_own",
        name=type(rate).__name__,
        known="ConstantRate, StepDecay, ExponentialDecay, CosineDecay, Warmup",
    )
