"""Two engines, one training: the same numbers, events and errors, and either goes on with what the
other began."""

import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    SGD,
    Activation,
    BatchNorm,
    CosineDecay,
    CrossEntropy,
    Dropout,
    Linear,
    Network,
    ReLU,
    Sequential,
    Tanh,
    load_checkpoint,
    save_checkpoint,
)
from clearprop.base.arrays import Array
from clearprop.base.errors import ConfigurationError, DataError, EngineWarning, KernelsError
from clearprop.compiled import building
from clearprop.training import (
    EpochEvent,
    StepEvent,
    Training,
    TrainingState,
    engine_choice,
    fit,
    machine,
    start,
    train,
)

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")

WITHIN = {"float64": 1e-10, "float32": 1e-4}
MIXED = Network(
    Sequential(
        # A bias right before BatchNorm would have a gradient of nothing but rounding.
        Linear(6, 12),
        ReLU(),
        BatchNorm(12),
        Dropout(0.2),
        Linear(12, 5),
        Tanh(),
        Linear(5, 4),
    )
)
# Not Adam, which makes of the rounding of a gradient of 0 a step as large as any.
OPTIMIZER = SGD(CosineDecay(0.01, 60), momentum=0.9, weight_decay=1e-3)


def samples(dtype: str = "float64", count: int = 50) -> tuple[Array, Array, Array]:
    """x, class ids and weights; 50 samples are three batches of 16 and one of 2."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=(count, 6)).astype(dtype)
    return x, generator.integers(0, 4, count), generator.uniform(0.5, 2, count).astype(dtype)


def trained(engine: str, dtype: str = "float64", **told: Any) -> Training:
    x, ids, weights = samples(dtype)
    given: Any = {"epochs": 30, "batch_size": 16, "seed": 3, "sample_weight": weights, **told}
    params = MIXED.initialize(seed=1, dtype=dtype)
    return fit(
        MIXED, params, x, ids, loss=CrossEntropy(), optimizer=OPTIMIZER, engine=engine, **given
    )


def scale(array: Array) -> float:
    return float(np.abs(array).max()) or 1.0


def require_close(one: TrainingState, other: TrainingState, within: float) -> None:
    """Every array of two states, within a share of its scale."""
    assert (one.step, one.seed) == (other.step, other.seed)
    assert one.optimizer.step == other.optimizer.step
    pairs = [(one.params, other.params), (one.total, other.total), (one.weight, other.weight)]
    assert one.optimizer.slots.keys() == other.optimizer.slots.keys()
    pairs += [
        (one.optimizer.slots[name], other.optimizer.slots[name]) for name in one.optimizer.slots
    ]
    assert one.layers.keys() == other.layers.keys()
    for path, arrays in one.layers.items():
        assert arrays.keys() == other.layers[path].keys()
        pairs += [(arrays[name], other.layers[path][name]) for name in arrays]
    for mine, its in pairs:
        mine, its = np.asarray(mine), np.asarray(its)
        assert (mine.shape, mine.dtype) == (its.shape, its.dtype)
        assert np.abs(mine - its).max() <= within * scale(mine)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_both_engines_train_alike(dtype: str) -> None:
    reference, compiled = trained("numpy", dtype), trained("compiled", dtype)
    assert (reference.engine.name, compiled.engine.name) == ("numpy", "compiled")
    assert compiled.losses.dtype == reference.losses.dtype == dtype
    assert compiled.losses.shape == reference.losses.shape == (120,)
    assert np.abs(compiled.losses - reference.losses).max() <= WITHIN[dtype] * scale(
        reference.losses
    )
    require_close(compiled.state, reference.state, WITHIN[dtype])


def test_the_test_above_would_see_another_shuffle() -> None:
    with pytest.raises(AssertionError):
        require_close(
            trained("compiled", seed=4)._replace().state._replace(seed=3),
            trained("numpy").state,
            WITHIN["float64"],
        )


def test_the_length_of_the_calls_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained("compiled")
    monkeypatch.setattr(machine, "CALL_SECONDS", 0)  # one step a call
    told: list[tuple[int, int]] = []
    stepwise = trained("compiled", progress=lambda *done: told.append(done))
    assert told == [(step, 120) for step in range(1, 121)]
    assert np.array_equal(whole.losses, stepwise.losses)
    assert np.array_equal(whole.params, stepwise.params)


def events(engine: str, state: TrainingState | None = None, **told: Any) -> list[Any]:
    x, ids, weights = samples()
    if state is None:
        state = start(MIXED, MIXED.initialize(seed=1), OPTIMIZER, seed=3)
    given: Any = {"epochs": 3, "batch_size": 16, "sample_weight": weights, **told}
    return [
        *train(
            MIXED, state, x, ids, loss="cross_entropy", optimizer=OPTIMIZER, engine=engine, **given
        )
    ]


def test_the_events_are_the_same() -> None:
    ours, reference = events("compiled"), events("numpy")
    assert len(ours) == len(reference) == 3 * (4 + 1)
    for one, other in zip(ours, reference, strict=True):
        assert type(one) is type(other)
        assert one.engine.name == "compiled"
        assert (one.epoch, one.state.step) == (other.epoch, other.state.step)
        assert one.loss == pytest.approx(other.loss, rel=1e-10)
        require_close(one.state, other.state, 1e-10)
        if isinstance(one, StepEvent):
            require_close(one.before, other.before, 1e-10)
            assert np.allclose(
                one.backward.gradient, other.backward.gradient, rtol=1e-8, atol=1e-12
            )


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_events_by_the_epoch_are_those_of_the_epochs(engine: str) -> None:
    every, by_epoch = events(engine), events(engine, by="epoch")
    assert all(isinstance(event, EpochEvent) for event in by_epoch)
    ends = [event for event in every if isinstance(event, EpochEvent)]
    assert [event.loss for event in by_epoch] == [event.loss for event in ends]
    for one, other in zip(by_epoch, ends, strict=True):
        assert np.array_equal(one.state.params, other.state.params)


@pytest.mark.parametrize("engines", [("numpy", "compiled"), ("compiled", "numpy")])
def test_a_checkpoint_goes_from_one_engine_to_the_other(
    tmp_path: Path, engines: tuple[str, str]
) -> None:
    first, second = engines
    begun = events(first)[6]  # in the middle of the second epoch
    assert begun.state.step % 4
    path = tmp_path / "half.safetensors"
    save_checkpoint(
        path, MIXED, begun.state, optimizer=OPTIMIZER, loss=CrossEntropy(), batch_size=16
    )
    ended = events(second, load_checkpoint(path).state)
    whole = events(second)
    assert ended[-1].loss == pytest.approx(whole[-1].loss, rel=1e-10)
    require_close(ended[-1].state, whole[-1].state, 1e-10)


def test_a_training_in_machine_code_that_stops_anywhere_goes_on_to_the_bit() -> None:
    whole = events("compiled")
    for place in (0, 3, 7):
        gone_on = events("compiled", whole[place].state)
        assert np.array_equal(gone_on[-1].state.params, whole[-1].state.params)
        assert gone_on[-1].loss == whole[-1].loss


@pytest.mark.parametrize("networks", [None, 3])
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_a_training_ends_where_nothing_is_finite_if_asked_to(
    engine: str, networks: int | None
) -> None:
    network = Network(Sequential(Linear(1, 3), ReLU(), Linear(3, 1)))
    x = np.linspace(1, 2, 8).reshape(-1, 1)
    params = network.initialize(seed=0 if networks is None else range(networks))
    told: Any = {"optimizer": SGD(1e30), "epochs": 40, "batch_size": 4, "engine": engine}
    ended = fit(network, params, x, x, stop_at_nonfinite=True, **told)
    assert len(ended.losses) == ended.state.step < 20
    assert np.isfinite(ended.losses[:-1]).any(axis=-1).all()
    assert not np.isfinite(ended.losses[-1]).any()
    assert len(fit(network, params, x, x, **told).losses) == 80
    stream = [
        *train(network, start(network, params, SGD(1e30)), x, x, stop_at_nonfinite=True, **told)
    ]
    last = [event for event in stream if isinstance(event, StepEvent)][-1]
    assert last.step == ended.state.step - 1
    assert isinstance(stream[-1], EpochEvent) == (ended.state.step % 2 == 0)


def test_a_step_whose_samples_all_count_nothing_is_refused_alike() -> None:
    weights = np.zeros(50)
    weights[0] = 1  # the other batches of the epoch count nothing
    for engine in ("numpy", "compiled"):
        with pytest.raises(DataError) as problem:
            trained(engine, sample_weight=weights)
        assert problem.value.key == "weights_zero"


@pytest.mark.parametrize(
    ("told", "key"),
    [
        ({"engine": "numba"}, "engine_unknown"),
        ({"by": "batch"}, "by_unknown"),
        ({"epochs": -1}, "count_invalid"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_step(told: Any, key: str) -> None:
    x, ids, _ = samples()
    state = start(MIXED, MIXED.initialize(), OPTIMIZER)
    with pytest.raises(ConfigurationError) as problem:
        train(MIXED, state, x, ids, loss="cross_entropy", optimizer=OPTIMIZER, **told)
    assert problem.value.key == key


@dataclass(frozen=True)
class Cubed(Activation):
    """An activation of one's own, which has no kernel."""

    def value(self, z: Array) -> Array:
        cube: Array = z**3
        return cube

    def derivative(self, z: Array, a: Array) -> Array:
        slope: Array = 3 * z**2
        return slope


OWN = Network(Sequential(Linear(6, 4), Cubed(), Linear(4, 4)))


def fit_own(engine: str, **told: Any) -> Training:
    x, ids, _ = samples()
    return fit(OWN, OWN.initialize(), x, ids, loss="cross_entropy", engine=engine, **told)


def test_what_has_no_kernel_runs_in_numpy_and_says_so_once() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(2):
            ran = fit_own("compiled")
    assert ran.engine.name == "numpy"
    assert "Cubed" in str(ran.engine)
    assert "Cubed" in ran.engine.message("zh-TW")
    (warning,) = told
    assert warning.category is EngineWarning
    assert "Cubed" in str(warning.message)
    assert warning.filename == __file__
    # Nobody asked for machine code here.
    quiet = fit_own("auto", epochs=1000)
    assert (quiet.engine.name, quiet.engine.key) == ("numpy", "refused")


class Kernels:
    """What the choice asks `building` for, recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, ready: bool) -> None:
        self.asked: list[str] = []
        real = building.library
        for name, there in (("library", True), ("ready_library", ready), ("build_ahead", False)):

            def ask(dtype: str, name: str = name, there: bool = there) -> Any:
                self.asked.append(name)
                return real(dtype) if there else None

            monkeypatch.setattr(engine_choice, name, ask)


def long(seconds: float) -> dict[str, Any]:
    """Epochs that take NumPy about so long, of the full batch; ended by the first step's loss."""
    per_step = engine_choice.numpy_seconds(OWN, samples=50, parameters=MIXED.size, steps=1)
    return {"epochs": int(seconds / per_step), "batch_size": None}


def chosen(seconds: float, engine: str = "auto", by: str = "epoch") -> engine_choice.EngineChoice:
    x, ids, _ = samples()
    told: Any = {"loss": "cross_entropy", "optimizer": OPTIMIZER, "engine": engine, "by": by}
    state = start(MIXED, MIXED.initialize(), OPTIMIZER)
    events = train(MIXED, state, x, ids, **told, **long(seconds))
    return next(iter(events)).engine


def test_auto_takes_machine_code_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels(monkeypatch, ready=True)
    assert (chosen(0.001).key, kernels.asked) == ("short", [])
    assert (chosen(0.5).key, kernels.asked) == ("pays", ["ready_library"])
    assert chosen(0.5).name == "compiled"
    assert chosen(0.001, "compiled").key == "asked_compiled"
    assert chosen(100, "numpy").key == "asked_numpy"


def test_auto_does_not_hand_over_steps_that_are_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels(monkeypatch, ready=True)
    monkeypatch.setattr(engine_choice, "WORTH_A_CALL", 1.0)
    assert (chosen(3, by="step").key, kernels.asked) == ("short_steps", [])
    assert chosen(3, "compiled", by="step").name == "compiled"
    monkeypatch.setattr(engine_choice, "WORTH_A_CALL", 0.0)
    assert chosen(3, by="step").name == "compiled"


def test_auto_never_makes_a_short_run_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels(monkeypatch, ready=False)
    assert (chosen(0.5).key, kernels.asked) == ("not_ready", ["ready_library"])
    kernels.asked.clear()
    # Long enough for the next one to have them.
    assert (chosen(3).key, kernels.asked) == ("not_ready", ["ready_library", "build_ahead"])
    kernels.asked.clear()
    # So long that the wait is nothing.
    assert (chosen(60).key, kernels.asked) == ("pays", ["library"])


def test_without_kernels_everything_runs_in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(dtype: str) -> Any:
        raise KernelsError("kernels_no_compiler")

    monkeypatch.setattr(engine_choice, "library", none)
    monkeypatch.setattr(engine_choice, "ready_library", none)
    assert chosen(3).key == "refused"
    with pytest.warns(EngineWarning, match="apt install gcc"):
        ran = trained("compiled")
    assert ran.engine.name == "numpy"
    assert np.array_equal(ran.params, trained("numpy").params)


def test_a_training_is_told_with_its_engine() -> None:
    ran = trained("compiled", epochs=1)
    assert repr(ran).endswith(", compiled)")
    assert str(ran.engine) == "compiled: Machine code was asked for."
    assert ran.engine.message("zh-TW") == "指定要用機器碼。"


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from clearprop import *
from clearprop.training import TrainingInterrupted

engine, path = sys.argv[1:]
x = np.random.default_rng(0).normal(size=(64, 32))
network = Network(Sequential(Linear(32, 64), ReLU(), Linear(64, 1)))
told = dict(optimizer=Adam(1e-3), batch_size=10, engine=engine)
begun = threading.Event()
pressed = []

def press():
    begun.wait()
    time.sleep(0.2)
    pressed.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press).start()
try:
    told_so = lambda *_: begun.set()
    fit(network, network.initialize(), x, x[:, :1], epochs=10**9, progress=told_so, **told)
except KeyboardInterrupt as stop:
    late = time.perf_counter() - pressed[0]
    training = stop.training
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert len(training.losses) == training.state.step == training.state.optimizer.step > 0
epochs = -(-training.state.step // 7)
*_, event = train(network, training.state, x, x[:, :1], epochs=epochs + 1, **told)
whole = fit(network, network.initialize(), x, x[:, :1], epochs=epochs + 1, **told)
print(late, np.array_equal(event.state.params, whole.params), training.engine.name)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Ctrl-C is a signal elsewhere only")
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_ctrl_c_ends_at_the_last_whole_step(engine: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, engine, str(tmp_path)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    late, goes_on, ran = done.stdout.split()
    assert float(late) < 0.5  # a busy machine; on a quiet one it is below 0.1
    assert (goes_on, ran) == ("True", engine)
