"""ConstantRate, StepDecay, ExponentialDecay, CosineDecay and Warmup."""

from clearprop.engine.schedules import (
    ConstantRate,
    CosineDecay,
    ExponentialDecay,
    StepDecay,
    Warmup,
    rate_at,
)
from clearprop.kinds.program_lines import in_equation, literal
from clearprop.kinds.training_rows import RateLines, ScheduleRow


def rate_lines(code: str, equation: str) -> list[str]:
    """The lines that return a learning rate, given its code and its equation."""
    return [f"# η = {equation}", f"return {code}"]


def _constant(rate: ConstantRate, *_: object) -> list[str]:
    return rate_lines(literal(rate.learning_rate), in_equation(rate.learning_rate))


def _step_decay(rate: StepDecay, step: str, math: str, _: object) -> list[str]:
    start, gamma = literal(rate.learning_rate), literal(rate.gamma)
    return rate_lines(
        f"{start} * {gamma} ** ({step} // {rate.step_size})",
        f"{start} · {gamma}^⌊{math} / {rate.step_size}⌋",
    )


def _exponential(rate: ExponentialDecay, step: str, math: str, _: object) -> list[str]:
    start, gamma = literal(rate.learning_rate), literal(rate.gamma)
    power = "**" if step.isidentifier() else " ** "
    return rate_lines(f"{start} * {gamma}{power}{step}", f"{start} · {gamma}^{math}")


def _cosine(rate: CosineDecay, step: str, math: str, _: object) -> list[str]:
    start, least = literal(rate.learning_rate), literal(rate.eta_min)
    wave = f"float(0.5 * (1 + np.cos(np.pi * {step} / {rate.t_max})))"
    wave_math = f"½ (1 + cos(π {math} / {rate.t_max}))"
    if rate.eta_min == 0:
        return rate_lines(f"{start} * {wave}", f"{start} · {wave_math}")
    return rate_lines(
        f"{least} + ({start} - {least}) * {wave}", f"{least} + ({start} − {least}) · {wave_math}"
    )


def _warmup(rate: Warmup, step: str, math: str, inner: RateLines) -> list[str]:
    factor = literal(rate.start_factor)
    then = rate_at(rate.then, 0)
    factor_math = in_equation(rate.start_factor)
    return [
        f"if {step} < {rate.steps}:",
        f"    # f = {factor_math} + (1 − {factor_math}) {math} / {rate.steps}",
        f"    factor = {factor} + (1 - {factor}) * {step} / {rate.steps}",
        f"    # η = f · {in_equation(then)}",
        f"    return factor * {literal(then)}",
        *inner(rate.then, f"({step} - {rate.steps})", f"({math} − {rate.steps})"),
    ]


SCHEDULE_KINDS = (
    ScheduleRow(kind=ConstantRate, examples=(ConstantRate(0.05),), lines=_constant),
    ScheduleRow(
        kind=StepDecay,
        examples=(StepDecay(0.1, step_size=7, gamma=0.5),),
        lines=_step_decay,
    ),
    ScheduleRow(
        kind=ExponentialDecay, examples=(ExponentialDecay(0.1, gamma=0.95),), lines=_exponential
    ),
    ScheduleRow(
        kind=CosineDecay,
        examples=(CosineDecay(0.1, t_max=30), CosineDecay(0.1, t_max=30, eta_min=0.01)),
        lines=_cosine,
    ),
    ScheduleRow(
        kind=Warmup,
        examples=(
            Warmup(0.1),
            Warmup(ExponentialDecay(0.1, gamma=0.95), steps=8, start_factor=0.2),
            Warmup(Warmup(StepDecay(0.1, step_size=5), steps=3), steps=4),
        ),
        lines=_warmup,
    ),
)
