"""What `import clearprop` offers, and that it stays light."""

import ast
import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import clearprop
import clearprop.training
from clearprop import Network

NAMES = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "MAE",
    "MSE",
    "RNN",
    "SELU",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "BackwardPass",
    "BackwardRecord",
    "BatchNorm",
    "BinaryCrossEntropy",
    "ChannelBatchNorm",
    "ClearpropError",
    "Clipped",
    "Concatenate",
    "Constant",
    "ConstantRate",
    "Context",
    "Conv1d",
    "Conv2d",
    "CosineDecay",
    "CrossEntropy",
    "DivergenceEvent",
    "DivergenceWarning",
    "Dropout",
    "Embedding",
    "EngineChoice",
    "EpochEvent",
    "ExponentialDecay",
    "FanInUniform",
    "FeatureScale",
    "Flatten",
    "ForwardPass",
    "ForwardRecord",
    "GRUCell",
    "GlobalAverage",
    "GroupNorm",
    "Hardtanh",
    "Huber",
    "Identity",
    "Initializer",
    "Intermediate",
    "KaimingNormal",
    "KaimingUniform",
    "LSTMCell",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "LogSoftmax",
    "Loss",
    "LossResult",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "MultiheadAttention",
    "Network",
    "Normal",
    "Optimizer",
    "OptimizerState",
    "PReLU",
    "Pad",
    "Parameter",
    "PiecewiseLinear",
    "Pinball",
    "PoissonNLL",
    "RMSNorm",
    "RMSprop",
    "RNNCell",
    "ReLU",
    "Residual",
    "RotaryPositions",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "SoftClip",
    "Softmax",
    "Softplus",
    "Step",
    "StepDecay",
    "StepEvent",
    "SwiGLU",
    "Tanh",
    "TimeSlice",
    "TimeStep",
    "Training",
    "TrainingInterrupted",
    "TrainingState",
    "Unembedding",
    "Uniform",
    "Warmup",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "carried_state",
    "check",
    "fit",
    "fit_many",
    "load",
    "load_checkpoint",
    "recurrent_stack",
    "save",
    "save_checkpoint",
    "start",
    "take_step",
    "train",
]

ROOMS = [
    "base",
    "bench",
    "checking",
    "cli",
    "compiled",
    "data",
    "distributed",
    "drawing",
    "engine",
    "estimators",
    "formats",
    "kinds",
    "lab",
    "reading",
    "runs",
    "teaching",
    "testing",
    "training",
]
SUBROOMS = {
    "exercises": "clearprop.teaching.exercises",
    "explanation": "clearprop.reading.explanation",
    "grading": "clearprop.teaching.grading",
    "health": "clearprop.reading.health",
    "programs": "clearprop.reading.programs",
    "walk": "clearprop.reading.walk",
}

TRAINING_NAMES = [
    "DivergenceEvent",
    "DivergenceWarning",
    "EngineChoice",
    "EpochEvent",
    "StepEvent",
    "Training",
    "TrainingInterrupted",
    "TrainingState",
    "fit",
    "fit_many",
    "start",
    "train",
]


def test_the_public_names_are_these() -> None:
    assert clearprop.__all__ == sorted(NAMES)
    assert clearprop.training.__all__ == TRAINING_NAMES


def test_the_names_are_sorted_constants_first() -> None:
    # ruff's order: acronyms (constants to it), then classes, then functions.
    for names in (NAMES, TRAINING_NAMES):
        kinds = [0 if n.isupper() else 1 if n[0].isupper() else 2 for n in names]
        assert [*zip(kinds, names, strict=True)] == sorted(zip(kinds, names, strict=True))
        assert len(set(names)) == len(names)


def test_every_public_name_has_a_docstring_of_its_own() -> None:
    for module, names in ((clearprop, NAMES), (clearprop.training, TRAINING_NAMES)):
        for name in names:
            text = getattr(module, name).__doc__  # not inherited, unlike inspect.getdoc's
            assert text, name
            # A dataclass or NamedTuple without one is given its signature.
            assert not text.startswith(f"{name}("), name


def test_type_checkers_are_told_of_the_names_that_are_loaded_lazily() -> None:
    tree = ast.parse(Path(clearprop.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    rooms = {*ROOMS, *SUBROOMS}
    found_there = [
        (str(node.module), alias)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    # `X as X` says that the name is handed on: `__all__` is not written out.
    assert all(alias.asname == alias.name for _, alias in found_there)
    told = {
        alias.name: f"{home}.{alias.name}" if alias.name in rooms else home
        for home, alias in found_there
    }
    # What imports `clearprop` must not import what stands above it, not even for type checkers.
    above = {"bench", "cli", "distributed", "lab", "runs"}
    assert told.keys() == {*NAMES, *rooms} - above
    assert told.keys() == {*NAMES, *rooms} - {"bench", "cli", "distributed", "lab", "runs"}
    for name, home in told.items():
        found = getattr(clearprop, name)
        there = sys.modules[home]
        assert found is (there if name in rooms else vars(there)[name])


def test_the_rooms_are_attributes() -> None:
    beside = Path(clearprop.__file__).parent.glob("[!_.]*")
    found = {path.stem for path in beside if path.suffix in ("", ".py")}
    # pytest loads its plugin by the entry point; nobody else has pytest for certain.
    assert found - {"pytest_plugin"} == set(ROOMS)
    for name in [*ROOMS, *SUBROOMS]:
        # Not getattr: what another test has imported is an attribute anyway.
        assert clearprop.__getattr__(name).__name__ == SUBROOMS.get(name, f"clearprop.{name}")
    assert {*NAMES, *ROOMS, *SUBROOMS, "__version__"} <= set(dir(clearprop))


def test_a_signature_calls_an_array_by_its_name() -> None:
    predict = str(inspect.signature(Network.predict))
    assert predict.endswith("-> clearprop.base.arrays.Array")
    for name in NAMES:
        told = pydoc.plain(pydoc.render_doc(getattr(clearprop, name)))
        assert "numpy.ndarray[" not in told, name


def test_what_is_not_there_is_told_as_python_tells_it() -> None:
    with pytest.raises(AttributeError, match="module 'clearprop' has no attribute 'Liner'"):
        _ = clearprop.Liner  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'Liner' from 'clearprop'"):
        exec("from clearprop import Liner")


def test_everything_can_be_imported_at_once() -> None:
    found: dict[str, object] = {}
    exec("from clearprop import *", found)
    assert set(NAMES) <= set(found)


def test_the_version_is_a_version() -> None:
    assert all(part.isdecimal() for part in clearprop.__version__.split("."))


def printed_by(script: str) -> str:
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loaded_by(statement: str) -> set[str]:
    """The top-level packages from outside the standard library that a fresh interpreter has
    after the statement, and had not before. (Cython's own modules have no file.)"""
    script = (
        f"import sys; before = set(sys.modules); {statement}\n"
        "new = {name for name in set(sys.modules) - before"
        " if getattr(sys.modules[name], '__file__', None)}\n"
        "print(*{name.partition('.')[0] for name in new} - sys.stdlib_module_names)"
    )
    return set(printed_by(script).split())


@pytest.mark.parametrize(
    "module", ["clearprop.training", "clearprop.formats.checkpoints", "clearprop.kinds"]
)
def test_importing_it_loads_numpy_and_nothing_else_from_elsewhere(module: str) -> None:
    assert loaded_by(f"import {module}") <= {"clearprop", "numpy"}


def test_importing_clearprop_loads_not_even_numpy() -> None:
    assert loaded_by("import clearprop") == {"clearprop"}


def test_every_public_name_comes_with_numpy_alone() -> None:
    assert loaded_by("from clearprop import *") == {"clearprop", "numpy"}


def test_the_test_above_would_see_another_package() -> None:
    assert "scipy" in loaded_by("import clearprop, scipy.special")


WITHOUT = """
import sys
from pathlib import Path

for name in ("scipy", "scipy.special", "safetensors", "safetensors.numpy", "torch", "jax"):
    sys.modules[name] = None  # as if it were not installed

from pathlib import Path

import numpy as np
from clearprop import GELU, MSE, SGD, Linear, Network, Sequential
from clearprop import Sigmoid, SiLU, Softplus, check
from clearprop.engine.step import take_step
from clearprop.training import fit
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
