"""Which engine runs a training, and why: what is asked for, what pays, and what cannot be had."""

import pickle
import shutil
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clearprop import Activation, Linear, Network, Sequential
from clearprop.base.arrays import Array
from clearprop.base.errors import EngineWarning, KernelsError
from clearprop.compiled import building
from clearprop.training import (
    EpochEvent,
    StepEvent,
    Training,
    engine_choice,
    fit,
    kernel_choice,
    start,
    train,
)
from tests.training.test_engines import MIXED, OPTIMIZER, samples, trained

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


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
    assert isinstance(warning.message, EngineWarning)
    assert "Cubed" in str(warning.message)
    assert "您自己寫的層 Cubed" in warning.message.message("zh-TW")
    assert str(pickle.loads(pickle.dumps(warning.message))) == str(warning.message)
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

            monkeypatch.setattr(kernel_choice, name, ask)


def long(seconds: float) -> dict[str, Any]:
    """Epochs that take NumPy about so long, of the full batch; ended by the first step's loss."""
    per_step = engine_choice.numpy_seconds(OWN, uses=50 * MIXED.size, steps=1)
    return {"epochs": int(seconds / per_step), "batch_size": None}


def chosen(seconds: float, engine: str = "auto", by: str = "epoch") -> engine_choice.EngineChoice:
    x, ids, _ = samples()
    told: Any = {"loss": "cross_entropy", "optimizer": OPTIMIZER, "engine": engine, "by": by}
    state = start(MIXED, MIXED.initialize(), OPTIMIZER)
    events = train(MIXED, state, x, ids, **told, **long(seconds))
    first = next(iter(events))
    assert isinstance(first, StepEvent | EpochEvent)
    return first.engine


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

    monkeypatch.setattr(kernel_choice, "library", none)
    monkeypatch.setattr(kernel_choice, "ready_library", none)
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
