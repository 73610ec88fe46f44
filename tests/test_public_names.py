"""What `import clearprop` offers, and that it stays light."""

import subprocess
import sys
from pathlib import Path

import pytest

import clearprop
import clearprop.engine.training

NAMES = [
    "ELU",
    "GELU",
    "MAE",
    "MSE",
    "SELU",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BackwardPass",
    "BackwardRecord",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Clipped",
    "Constant",
    "ConstantRate",
    "Context",
    "CosineDecay",
    "CrossEntropy",
    "Dropout",
    "Embedding",
    "ExponentialDecay",
    "FanInUniform",
    "ForwardPass",
    "ForwardRecord",
    "Hardtanh",
    "Huber",
    "Identity",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Loss",
    "LossResult",
    "Network",
    "Normal",
    "Optimizer",
    "OptimizerState",
    "PReLU",
    "Parameter",
    "PoissonNLL",
    "RMSNorm",
    "RMSprop",
    "ReLU",
    "Residual",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StepDecay",
    "Tanh",
    "Uniform",
    "Warmup",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "check",
]

TRAINING_NAMES = [
    "EpochEvent",
    "StepEvent",
    "Training",
    "TrainingState",
    "fit",
    "start",
    "train",
]


def test_the_public_names_are_these() -> None:
    assert clearprop.__all__ == NAMES
    assert clearprop.engine.training.__all__ == TRAINING_NAMES


def test_the_names_are_sorted_constants_first() -> None:
    # ruff's order: acronyms (constants to it), then classes, then functions.
    for names in (NAMES, TRAINING_NAMES):
        kinds = [0 if n.isupper() else 1 if n[0].isupper() else 2 for n in names]
        assert [*zip(kinds, names, strict=True)] == sorted(zip(kinds, names, strict=True))
        assert len(set(names)) == len(names)


def test_every_public_name_has_a_docstring_of_its_own() -> None:
    for module, names in ((clearprop, NAMES), (clearprop.engine.training, TRAINING_NAMES)):
        for name in names:
            text = vars(module)[name].__doc__  # not inherited, unlike inspect.getdoc's
            assert text, name
            # A dataclass or NamedTuple without one is given its signature.
            assert not text.startswith(f"{name}("), name


def test_the_version_is_a_version() -> None:
    assert all(part.isdecimal() for part in clearprop.__version__.split("."))


def loaded_by(statement: str) -> set[str]:
    """The top-level packages from outside the standard library that a fresh interpreter has
    after the statement, and had not before. (Cython's own modules have no file.)"""
    script = (
        f"import sys; before = set(sys.modules); {statement}\n"
        "new = {name for name in set(sys.modules) - before"
        " if getattr(sys.modules[name], '__file__', None)}\n"
        "print(*{name.partition('.')[0] for name in new} - sys.stdlib_module_names)"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    "module", ["clearprop", "clearprop.engine.training", "clearprop.formats.network_file"]
)
def test_importing_it_loads_numpy_and_nothing_else_from_elsewhere(module: str) -> None:
    assert loaded_by(f"import {module}") == {"clearprop", "numpy"}


def test_the_test_above_would_see_another_package() -> None:
    assert "scipy" in loaded_by("import clearprop, scipy.special")


WITHOUT = """
import sys
from pathlib import Path

for name in ("scipy", "scipy.special", "safetensors", "safetensors.numpy"):
    sys.modules[name] = None  # as if it were not installed

from pathlib import Path

import numpy as np
from clearprop import GELU, MSE, SGD, Linear, Network, Sequential
from clearprop import Sigmoid, SiLU, Softplus, check
from clearprop.engine.step import take_step
from clearprop.engine.training import fit
from clearprop.formats.network_file import load, save
from clearprop.reading.explanation import explain_weight

x = np.linspace(-1, 1, 8).reshape(-1, 1)
layers = Linear(1, 3), Sigmoid(), Linear(3, 2), SiLU(), Linear(2, 2), Softplus(), Linear(2, 1)
network = Network(Sequential(*layers, GELU("tanh")))
trained = fit(network, network.initialize(seed=0), x, x**2, epochs=2)
step = take_step(network, trained.params, x, x**2, optimizer=SGD(0.1))
text = str(explain_weight(step, "layers[0].weight[0,1]"))
save(Path(sys.argv[1]), network, trained.params)
saved = load(Path(sys.argv[1]))
print(saved.network == network, np.array_equal(saved.params, trained.params), len(text) > 100)
for target in (Sigmoid(), Softplus(), MSE()):
    print(check(target, witnesses=["complex-step"]).outcome)
print(check(network, x=x).outcome)
"""


def test_everything_but_exact_gelu_runs_on_numpy_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT, str(tmp_path / "file")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"] * 3 + ["right"] * 4
