"""A network saved by the public API alone, in every command; and what commands say of a file or of
data that they cannot use."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    BatchNorm,
    BinaryCrossEntropy,
    Embedding,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    fit,
    load,
    save,
)
from clearprop.base.messages import LANGUAGES
from clearprop.cli import main
from clearprop.cli.commands import command_named
from clearprop.cli.status import DONE, FOUND

pytestmark = pytest.mark.usefixtures("own_folder")

RANDOM = np.random.default_rng(0)
CLASSES = ["setosa", "versicolor", "virginica"]


def regression() -> None:
    """The manual's ten lines, and their network saved."""
    x = np.linspace(-1, 1, 100).reshape(-1, 1)
    target = x**2
    network = Network(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)))
    params = network.initialize(seed=0)
    forward = network.forward(params, x)
    loss = MSE().evaluate(forward.output, target)
    backward = network.backward(forward, loss.gradient)
    optimizer = SGD(learning_rate=0.1)
    params, state = optimizer.step(params, optimizer.start(params), backward.gradient)
    told: Any = {"loss": MSE(), "optimizer": optimizer, "state": state}
    save("net.safetensors", network, params, x=x, target=target, **told)


def classification() -> None:
    network = Network(Sequential(Linear(4, 5), Tanh(), Linear(5, 3)))
    x, target = RANDOM.normal(size=(30, 4)), np.arange(30) % 3
    told: Any = {"loss": "cross_entropy", "optimizer": "adam"}
    trained = fit(network, network.initialize(0), x, target, epochs=5, **told)
    told |= {"state": trained.state, "classes": CLASSES}
    save("net.safetensors", network, trained.params, x=x, target=target, **told)


def normalized() -> None:
    network = Network(Sequential(Linear(2, 6), BatchNorm(6), ReLU(), Linear(6, 1)))
    x, target = RANDOM.normal(size=(20, 2)), RANDOM.normal(size=(20, 1))
    told: Any = {"optimizer": Adam(0.01), "batch_size": 5}
    trained = fit(network, network.initialize(0), x, target, epochs=3, **told)
    told |= {"state": trained.state, "loss": MSE(), "start": network.initialize(0)}
    save("net.safetensors", network, trained.params, x=x, target=target, **told)


def layers_state_alone() -> None:
    network = Network(Sequential(Linear(2, 6), BatchNorm(6), Linear(6, 1)))
    x, target = RANDOM.normal(size=(20, 2)), RANDOM.normal(size=(20, 1))
    params = network.initialize(0)
    state = network.forward(params, x).state
    save("net.safetensors", network, params, x=x, target=target, state=state)


def embedded() -> None:
    network = Network(Sequential(Embedding(7, 3), ReLU(), Linear(3, 2)))
    x, target = RANDOM.integers(7, size=12), RANDOM.normal(size=(12, 2))
    save("net.safetensors", network, network.initialize(0), x=x, target=target)


def combined() -> None:
    branch = Sequential(Linear(3, 3), Tanh())
    network = Network(Sequential(Linear(2, 3), Residual(branch), Linear(3, 1)))
    x, target = RANDOM.normal(size=(9, 2)), (RANDOM.normal(size=(9, 1)) > 0) * 1.0
    told: Any = {"loss": BinaryCrossEntropy(), "classes": ("no", "yes"), "optimizer": "sgd"}
    save("net.safetensors", network, network.initialize(0), x=x, target=target, **told)


MAKERS: list[Callable[[], None]] = [
    regression,
    classification,
    normalized,
    layers_state_alone,
    embedded,
    combined,
]
COMMANDS: list[tuple[str, ...]] = [
    ("explain", "--weight", "layers[0].weight[0,1]"),
    ("explain", "--neuron", "layers[0][1]", "--format", "latex"),
    ("explain", "--sample", "1", "--format", "html"),
    ("diagram",),
    ("diagram", "--kind", "paths"),
    ("step", "--all"),
    ("step", "--json"),
    ("health",),
    ("write",),
    ("show",),
    ("show", "--json"),
    ("show", "--list", "weight"),
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_takes_a_file_that_a_person_saved(
    make: Callable[[], None], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make()
    for name, *words in COMMANDS:
        status = main([name, "net.safetensors", *words, "--lang", language])
        said = capsys.readouterr()
        # Finding something is health's own answer.
        assert status in ((DONE, FOUND) if name == "health" else (DONE,)), (name, said.err)
        assert said.out
        assert said.err == ""


def test_every_command_that_takes_a_saved_network_is_tried() -> None:
    takes = {"explain", "diagram", "step", "health", "write", "show"}
    assert {name for name, *_ in COMMANDS} == takes
    for name in takes - {"write"}:
        assert "--kinds" in {one.name for one in command_named(name).options}


OWN = """
from dataclasses import dataclass
from clearprop import Activation, Loss, MSE

@dataclass(frozen=True)
class Cube(Activation):
    def value(self, z):
        return z**3
    def derivative(self, z, a):
        return 3 * z**2

class Twice(MSE):
    def evaluate(self, *arrays, **told):
        return super().evaluate(*arrays, **told)
"""


def test_classes_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.py").write_text(OWN, encoding="utf-8")
    made: dict[str, Any] = {}
    exec(OWN, made)
    network = Network(Sequential(Linear(2, 3), made["Cube"](), Linear(3, 1)))
    x, target = RANDOM.normal(size=(5, 2)), RANDOM.normal(size=(5, 1))
    told: Any = {"loss": made["Twice"](), "optimizer": "sgd"}
    save("net.safetensors", network, network.initialize(0), x=x, target=target, **told)
    assert load("net.safetensors", kinds=[made["Cube"], made["Twice"]]).network == network
    Path("empty.py").write_text("", encoding="utf-8")
    for name, *words in COMMANDS:
        command = [name, "net.safetensors", *words]
        assert main(command) == 2
        said = capsys.readouterr().err
        if name == "write":
            assert "Cube is a class of your own, and a program's lines for it are not" in said
            continue
        assert "has a class 'Cube' of your own in it: say with --kinds FILE.py where" in said
        assert main([*command, "--kinds", "empty.py"]) == 2
        assert "has a class 'Cube' in it, and 'empty.py' does not define it" in (
            capsys.readouterr().err
        )
        assert main([*command, "--kinds", "own.py"]) in (DONE, FOUND)
        capsys.readouterr()
        assert main([*command, "--kinds", "missing.py"]) == 2
        assert "missing.py" in capsys.readouterr().err


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["show", "net.safetensors", *words]) == 0
    return capsys.readouterr().out


def test_show_says_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    classification()
    text = shown(capsys)
    for line in (
        "layers[2]  Linear(5, 3)  (N, 3)  18",
        "43 parameters",
        "  loss               CrossEntropy()",
        "  steps taken        5",
        "  samples of a step  all",
        "  x                  (30, 4) float64",
        "  target             (30,) int64",
        "  classes  0 = setosa, 1 = versicolor, 2 = virginica",
        "  --weight  layers[0].weight[0,0] … layers[0].weight[3,4]  20",
        "            layers[0].bias[0,0] … layers[0].bias[0,4]      5",
        "  --neuron  input[0] … input[3]                            4",
        "  --sample  0 … 29                                         30",
        "Try: clearprop explain net.safetensors --weight 'layers[0].weight[0,0]'",
    ):
        assert line in text
    document = json.loads(shown(capsys, "--json"))
    assert document["type"] == "SavedSummary"
    assert document["classes"] == CLASSES
    assert document["loss"]["type"] == "CrossEntropy"
    assert document["weights"][0] == {
        "first": "layers[0].weight[0,0]",
        "last": "layers[0].weight[3,4]",
        "count": 20,
    }


def test_show_knows_what_an_embedding_takes_from_the_samples(
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = Network(Sequential(Embedding(7, 4), Linear(4, 3)))
    ids, target = RANDOM.integers(7, size=(5, 2)), RANDOM.normal(size=(5, 2, 3))
    save("net.safetensors", network, network.initialize(0), x=ids, target=target)
    assert "layers[0]  Embedding(7, 4)  (N, 2, 4)  28" in shown(capsys)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_every_address_that_show_lists_is_one(
    make: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    from clearprop.cli.saved_networks import opened
    from clearprop.engine.addresses import neuron_address, parameter_address

    make()
    given = command_named("step").read(["net.safetensors"], "en")
    assert given is not None
    step = opened(given, Path("net.safetensors")).step
    weights = shown(capsys, "--list", "weight").split()
    assert len(weights) == step.forward.params.size
    layout = step.forward.network.layout
    positions = [
        layout.slots[one.path].start
        + int(np.ravel_multi_index(one.index, layout.slots[one.path].shape))
        for one in (parameter_address(step, address) for address in weights)
    ]
    assert positions == list(range(step.forward.params.size))
    for address in shown(capsys, "--list", "neuron").split():
        neuron_address(step, address)
    samples = shown(capsys, "--list", "sample").split()
    assert samples == [str(one) for one in range(step.samples)]


def test_show_of_what_it_cannot_use(capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*words: str) -> str:
        assert main(["show", *words]) == 2
        return capsys.readouterr().err

    regression()
    assert "Name the file of a saved network: clearprop show FILE." in complaint()
    assert "There is no file 'none'" in complaint("none")
    assert "choose one of weight, neuron, sample" in complaint("net.safetensors", "--list", "x")
    content = Path("net.safetensors").read_bytes()
    Path("cut").write_bytes(content[:-3])
    assert "'cut' is damaged" in complaint("cut")
    Path("new").write_bytes(content.replace(b'"version":"2"', b'"version":"9"'))
    assert "version 9 of the format, and this clearprop reads up to version 2" in complaint("new")
    older = Path(__file__).parent.parent / "data" / "version-1" / "training.safetensors"
    assert main(["show", str(older)]) == 0
    assert "Written in version 1 of the format" in capsys.readouterr().out


def test_stacked_networks_are_shown_and_not_explained(capsys: pytest.CaptureFixture[str]) -> None:
    network = Network(Linear(2, 1))
    x, target = np.ones((3, 2)), np.ones((3, 1))
    save("net.safetensors", network, network.initialize(range(4)), x=x, target=target)
    assert "4 such networks" in shown(capsys)
    assert main(["explain", "net.safetensors", "--sample", "0"]) == 2
    assert "4" in capsys.readouterr().err
