"""A training that breaks or runs away says so: at which step, why, and which rate to try."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    CrossEntropy,
    Linear,
    Network,
    ReLU,
    Sequential,
    StepEvent,
    fit,
    start,
    train,
)
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.training import DivergenceEvent, DivergenceWarning, EpochEvent
from clearprop.training.finding import Symptom

LINE = Network(Linear(1, 1, bias=False))
# L = ½·mean over 2 entries of … : MSE of y = w x at x = (1, 3) is (w² + 9 w²)/2 for t = 0, so
# L'' = 10 and the bound is 2/10.
X, T = np.array([[1.0], [3.0]]), np.zeros((2, 1))
BOUND = 0.2
NETWORK = Network(Sequential(Linear(2, 8), ReLU(), Linear(8, 1)))


def told(
    network: Network, params: Array, x: Array, t: Array, **how: Any
) -> tuple[list[Any], DivergenceEvent | None]:
    """All events of a training, and the one that is asked for, which `fit` warns of as well."""
    optimizer = how.pop("optimizer")
    state = start(network, params, optimizer)
    events = list(train(network, state, x, t, optimizer=optimizer, **how))
    found = [event for event in events if isinstance(event, DivergenceEvent)]
    assert len(found) <= 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(network, params, x, t, optimizer=optimizer, **how)
    assert len(caught) == len(found)
    if not found:
        return events, None
    warning: Any = caught[0].message
    assert isinstance(warning, DivergenceWarning)
    assert caught[0].filename == __file__
    for language in LANGUAGES:
        assert warning.message(language) == found[0].message(language)
    return events, found[0]


def test_fit_warns_in_the_language_of_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_TW.UTF-8")
    with pytest.warns(DivergenceWarning, match="請改試 0"):
        fit(LINE, np.ones(1), X, T, optimizer=SGD(0.5), epochs=6)


def test_a_rate_above_its_bound_by_hand() -> None:
    # w ← w − 0.5 · 10 w = −4 w, so the loss grows 16 times a step: 10⁴ times after 4 steps.
    events, found = told(LINE, np.ones(1), X, T, optimizer=SGD(0.5), epochs=6)
    assert found is not None
    assert (found.step, found.epoch, found.loss, found.first_loss) == (4, 4, 5.0 * 16**4, 5.0)
    assert found.rate == 0.5
    assert found.bound == pytest.approx(BOUND, rel=1e-6)
    # 1/λ, to the lowest point in one step.
    assert found.suggested == pytest.approx(0.1, rel=0.1)
    assert found.findings == ()
    # Right behind its step.
    place = events.index(found)
    assert isinstance(events[place - 1], StepEvent)
    assert events[place - 1].step == 4
    said = found.message()
    assert "in step 4 (epoch 4) its loss is 327680, from 5 at the start" in said
    assert "The learning rate 0.5 is above the local bound of stability at the start, 0.2" in said
    assert said.endswith(f"try {found.suggested:g}.")


def test_the_suggested_rate_converges() -> None:
    _, found = told(LINE, np.ones(1), X, T, optimizer=SGD(0.5), epochs=6)
    assert found is not None
    assert found.suggested is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = fit(LINE, np.ones(1), X, T, optimizer=SGD(found.suggested), epochs=6)
    assert again.losses[-1] < 1e-3


@pytest.mark.parametrize("rate", [0.05, 0.199])
def test_below_the_bound_nothing_is_said(rate: float) -> None:
    assert told(LINE, np.ones(1), X, T, optimizer=SGD(rate), epochs=50)[1] is None


def test_a_loss_that_began_at_next_to_nothing_may_grow() -> None:
    # Rounding, 1e-30 and then some: no training has run away where the rate is stable.
    params = np.array([1e-15])
    assert told(LINE, params, X, T + 1e-9, optimizer=SGD(0.1), epochs=5)[1] is None
    start_at_target = told(LINE, np.zeros(1), X, T, optimizer=SGD(0.1), epochs=5)[1]
    assert start_at_target is None


@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize("place", ["x", "target"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_are_not_finite(size: int | None, place: str, value: float) -> None:
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(12, 2)), generator.normal(size=(12, 1))
    data = {"x": x, "target": t}
    data[place][7, 0] = value
    how: Any = {"optimizer": SGD(0.01), "epochs": 2, "batch_size": size}
    events, found = told(NETWORK, NETWORK.initialize(0), x, t, **how)
    assert found is not None
    wanted = {"x": Symptom.NONFINITE_INPUT, "target": Symptom.NONFINITE_TARGET}[place]
    assert [one.kind for one in found.findings] == [wanted]
    # The sample's number among all, whatever batch it was in; and the rate is not to blame.
    assert found.findings[0].values["sample"] == 7
    assert found.suggested is None
    first = next(e for e in events if isinstance(e, StepEvent) and not np.isfinite(e.loss))
    assert found.step <= first.step
    assert "Clean the data" in found.message()


def test_the_step_and_the_operation_that_overflow() -> None:
    # w ← w − 1e200 · 10 w: a first update to −1e201, whose output squared overflows.
    events, found = told(LINE, np.ones(1), X, T, optimizer=SGD(1e200), epochs=3)
    assert found is not None
    assert found.step == 1
    assert [one.kind for one in found.findings] == [Symptom.NONFINITE_LOSS]
    assert found.bound == pytest.approx(BOUND, rel=1e-6)
    # An update that overflows is that of its own step, not of the next one, which shows it.
    _, found = told(LINE, np.ones(1), X, T, optimizer=SGD(1e308), epochs=3)
    assert found is not None
    assert found.step == 0
    assert [one.kind for one in found.findings] == [Symptom.NONFINITE_UPDATE]
    # Also where no step follows.
    _, found = told(LINE, np.ones(1), X, T, optimizer=SGD(1e308), epochs=1)
    assert found is not None
    assert found.step == 0
    assert isinstance(events[-1], EpochEvent)


def test_an_optimizer_without_a_bound() -> None:
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(12, 2)), generator.normal(size=(12, 1))
    _, found = told(NETWORK, NETWORK.initialize(0), x, t, optimizer=Adam(1e160), epochs=20)
    assert found is not None
    assert found.bound is None
    assert found.suggested == pytest.approx(1e159)
    assert "Try a smaller learning rate: " in found.message()


@pytest.mark.parametrize("own", [(), ("x", "target")])
def test_one_of_many_networks(own: tuple[str, ...]) -> None:
    params = np.array([[0.0], [1.0], [0.0]])
    x, t = (np.stack([a] * 3) if own else a for a in (X, T))
    _, found = told(LINE, params, x, t, optimizer=SGD(0.5), epochs=6, own=own)
    assert found is not None
    assert found.network == 1
    assert found.message().startswith("Network 1: The training diverges: in step ")
    assert found.bound == pytest.approx(BOUND, rel=1e-6)


def test_weights_of_samples_and_a_loss_of_classes() -> None:
    generator = np.random.default_rng(0)
    network = Network(Sequential(Linear(2, 3)))
    x = generator.normal(size=(12, 2))
    x[3, 1] = np.nan
    how: Any = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "epochs": 2}
    weights = generator.uniform(0.5, 2, 12)
    how["sample_weight"] = weights
    _, found = told(network, network.initialize(0), x, np.arange(12) % 3, **how)
    assert found is not None
    assert found.findings[0].kind == Symptom.NONFINITE_INPUT


def test_a_training_that_goes_on_is_watched_from_there() -> None:
    state = start(LINE, np.ones(1), SGD(0.1))
    for event in train(LINE, state, X, T, optimizer=SGD(0.1), epochs=3):
        state = event.state
    more = train(LINE, state._replace(params=np.ones(1)), X, T, optimizer=SGD(0.5), epochs=12)
    found = [event for event in more if isinstance(event, DivergenceEvent)]
    assert [event.step for event in found] == [7]


def test_a_warning_goes_to_another_process() -> None:
    _, found = told(LINE, np.ones(1), X, T, optimizer=SGD(0.5), epochs=6)
    assert found is not None
    again = pickle.loads(pickle.dumps(DivergenceWarning(found)))
    assert str(again) == found.message()


def test_what_comes_out_is_what_came_out_without_watching() -> None:
    state, sgd = start(LINE, np.ones(1), SGD(0.5)), SGD(0.5)
    ended = list(train(LINE, state, X, T, optimizer=sgd, loss=MSE(), epochs=6))
    losses = [event.loss for event in ended if isinstance(event, StepEvent)]
    assert losses == [5.0 * 16**step for step in range(6)]


def test_of_many_networks_each_is_held_against_its_own_start() -> None:
    # The second begins at 5·10⁻⁸ and is 16⁴ times that after four steps, far below the first's 5.
    params = np.array([[1.0], [1e-4], [0.0]])
    still = np.stack([X, X, np.zeros((2, 1))])
    x = np.stack([np.zeros((2, 1)), X, X])
    _, found = told(LINE, params, x, still * 0, optimizer=SGD(0.5), epochs=6, own=("x", "target"))
    assert found is not None
    assert (found.network, found.step) == (1, 4)
    assert found.first_loss == pytest.approx(5e-8)


def test_after_too_many_steps_to_make_again_it_is_said_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clearprop.training.divergence.MOST_STEPS", 3)
    with pytest.warns(DivergenceWarning, match=r"in step 4 \(epoch 4\) its loss is .*: try 0"):
        fit(LINE, np.ones(1), X, T, optimizer=SGD(0.5), epochs=6)
    x = np.vstack([X, [[np.nan]]])
    with pytest.warns(
        DivergenceWarning, match=r"broke in step \d \(epoch \d\), whose loss was NaN"
    ):
        fit(LINE, np.ones(1), x, np.zeros((3, 1)), optimizer=SGD(0.01), batch_size=1, epochs=9)
