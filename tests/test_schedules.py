"""Schedules: by hand, PyTorch's rates, pure, and what they refuse."""

import json
import math
import re
import warnings
from typing import Any

import pytest

from clearprop import SGD, ConstantRate, CosineDecay, ExponentialDecay, Schedule, StepDecay, Warmup
from clearprop.base.configuration import decode, encode
from clearprop.base.errors import ConfigurationError
from clearprop.engine.schedules import rate_at
from clearprop.kinds.kind_tables import SCHEDULES

STEPS = 60
CASES: list[Schedule] = [
    ConstantRate(0.1),
    StepDecay(0.1, step_size=7),
    StepDecay(0.1, step_size=1, gamma=0.9),
    ExponentialDecay(0.1, gamma=0.95),
    CosineDecay(0.1, t_max=20),
    CosineDecay(0.1, t_max=45, eta_min=0.01),
    Warmup(0.1),
    Warmup(0.1, steps=10, start_factor=0.01),
    Warmup(ConstantRate(0.1), steps=4, start_factor=1.0),
    Warmup(StepDecay(0.1, 7, 0.5), steps=10),
    Warmup(ExponentialDecay(0.1, 0.9), steps=3, start_factor=0.1),
    Warmup(CosineDecay(0.1, 20, 0.01), steps=10, start_factor=0.2),
    Warmup(CosineDecay(0.1, 100), steps=1, start_factor=0.5),
]
every_schedule = pytest.mark.parametrize("schedule", CASES, ids=str)


def rates(schedule: Schedule, *steps: int) -> list[float]:
    return [schedule.rate(step) for step in steps]


def test_by_hand() -> None:
    assert rates(ConstantRate(0.5), 0, 1000) == [0.5, 0.5]
    assert rates(StepDecay(8, step_size=2, gamma=0.5), 0, 1, 2, 3, 4) == [8, 8, 4, 4, 2]
    assert rates(ExponentialDecay(8, gamma=0.5), 0, 1, 2, 3) == [8, 4, 2, 1]
    # 0°, 60°, 90° and 180°: cos = 1, ½, 0, −1; then it rises again.
    cosine = rates(CosineDecay(9, t_max=6, eta_min=1), 0, 2, 3, 6, 9, 12)
    assert cosine == pytest.approx([9, 7, 5, 1, 5, 9], rel=1e-15)
    # From ¼ in 4 steps: ¼, 7/16, 10/16, 13/16, and then the rates of the other from its first.
    warm = Warmup(ExponentialDecay(16, gamma=0.5), steps=4, start_factor=0.25)
    assert rates(warm, 0, 1, 2, 3, 4, 5, 6) == [4, 7, 10, 13, 16, 8, 4]
    assert rates(Warmup(1, steps=2, start_factor=0), 0, 1, 2, 3) == [0, 0.5, 1, 1]


def torch_scheduler(torch: Any, schedule: Schedule, optimizer: Any) -> Any:
    kinds = torch.optim.lr_scheduler
    match schedule:
        case ConstantRate():
            return kinds.ConstantLR(optimizer, factor=1.0)
        case StepDecay():
            return kinds.StepLR(optimizer, schedule.step_size, schedule.gamma)
        case ExponentialDecay():
            return kinds.ExponentialLR(optimizer, schedule.gamma)
        case CosineDecay():
            return kinds.CosineAnnealingLR(optimizer, schedule.t_max, schedule.eta_min)
        case Warmup():
            then = schedule.then
            after = then if isinstance(then, Schedule) else ConstantRate(then)
            first = kinds.LinearLR(optimizer, schedule.start_factor, 1.0, schedule.steps)
            second = torch_scheduler(torch, after, optimizer)
            return kinds.SequentialLR(optimizer, [first, second], [schedule.steps])
    raise NotImplementedError(f"write the torch twin of {schedule}")


@every_schedule
def test_the_rates_are_torchs(torch: Any, schedule: Schedule) -> None:
    base = schedule
    while isinstance(base, Warmup):
        base = base.then if isinstance(base.then, Schedule) else ConstantRate(base.then)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base.rate(0))
    with warnings.catch_warnings():
        # SequentialLR calls its parts in a way that torch itself deprecates.
        warnings.simplefilter("ignore", UserWarning)
        scheduler = torch_scheduler(torch, schedule, optimizer)
        for step in range(STEPS):
            theirs = optimizer.param_groups[0]["lr"]
            # torch multiplies up from step to step, which rounds a little each time.
            assert schedule.rate(step) == pytest.approx(theirs, rel=1e-10, abs=1e-15), step
            optimizer.step()
            scheduler.step()


@every_schedule
def test_a_rate_is_a_pure_function_of_the_step(schedule: Schedule) -> None:
    forwards = [schedule.rate(step) for step in range(STEPS)]
    backwards = [schedule.rate(step) for step in reversed(range(STEPS))]
    assert forwards == backwards[::-1]
    # A NumPy number would turn float32 parameters into float64 ones.
    assert {type(rate) for rate in forwards} == {float}
    assert all(math.isfinite(rate) and rate >= 0 for rate in forwards)


@every_schedule
def test_settings_make_an_equal_schedule_again_through_json(schedule: Schedule) -> None:
    again = decode(json.loads(json.dumps(encode(schedule))), SCHEDULES)
    assert again == schedule
    assert hash(again) == hash(schedule)


def test_the_table_of_schedules() -> None:
    ours = {
        kind
        for kind in Schedule.__subclasses__()
        if kind.__module__ == "clearprop.engine.schedules"
    }
    assert set(SCHEDULES.values()) == ours == {type(case) for case in CASES}
    assert all(name == kind.__name__ for name, kind in SCHEDULES.items())


def test_a_number_stands_for_itself() -> None:
    assert rate_at(0.25, 7) == 0.25
    assert rate_at(StepDecay(1, 2, 0.5), 7) == 0.125


def test_warm_ups_may_be_nested() -> None:
    inner = Warmup(1.0, steps=2, start_factor=0.5)
    assert rates(Warmup(inner, steps=2, start_factor=0.5), 0, 1, 2, 3, 4) == [
        0.25,
        0.375,
        0.5,
        0.75,
        1,
    ]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ConstantRate(0), "ConstantRate: learning_rate must be .* learning_rate > 0"),
        (lambda: StepDecay(-1, 5), "learning_rate > 0"),
        (lambda: StepDecay(0.1, 0), "StepDecay: step_size must be a whole number of at least 1"),
        (lambda: StepDecay(0.1, 2.5), "step_size must be a whole number"),  # type: ignore[arg-type]
        (lambda: StepDecay(0.1, True), "step_size must be a whole number"),
        (lambda: StepDecay(0.1, 5, gamma=0), "gamma > 0"),
        (lambda: ExponentialDecay(0.1, float("inf")), "gamma > 0"),
        (lambda: CosineDecay(0.1, 0), "CosineDecay: t_max must be a whole number of at least 1"),
        (lambda: CosineDecay(0.1, 5, -1), "eta_min >= 0"),
        (lambda: Warmup(0.1, 0), "Warmup: steps must be a whole number of at least 1"),
        (lambda: Warmup(0.1, 5, 1.5), "0 <= start_factor <= 1"),
        (lambda: Warmup(0), "learning rate must be a finite number above 0 or a schedule"),
        (lambda: Warmup("0.1"), "above 0 or a schedule"),  # type: ignore[arg-type]
        (lambda: Warmup(SGD(0.1)), "above 0 or a schedule"),  # type: ignore[arg-type]
    ],
)
def test_settings_that_cannot_be(make: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        make()
    assert re.search("[\u4e00-\u9fff]", caught.value.message("zh-TW"))
