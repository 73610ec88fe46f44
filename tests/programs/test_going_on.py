"""Programs that go on with a training that was saved: its memory, its statistics, its draws."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    BatchNorm,
    Dropout,
    Embedding,
    Linear,
    Network,
    ReLU,
    RMSprop,
    Sequential,
    Tanh,
)
from clearprop.base.errors import ClearpropError
from clearprop.cli import main
from clearprop.engine.optimizers import Clipped, Optimizer
from clearprop.formats.checkpoints import load_checkpoint, save_checkpoint
from clearprop.formats.network_file import load
from clearprop.reading.programs import Recipe, save_program, write_program
from clearprop.training import StepEvent, Training, fit, train
from tests.programs.bare import Ran, run_bare
from tests.programs.test_agreement import running_statistics

RULES = {
    "momentum": SGD(0.02, momentum=0.9, dampening=0.2),
    "adam": Adam(0.01, amsgrad=True),
    "rmsprop": RMSprop(0.0005, momentum=0.5, centered=True),
    "clipped": Clipped(Adam(0.01), norm=0.5),
    "plain": SGD(0.05),
}
NETWORKS = {
    "small": Sequential(Linear(3, 4), Tanh(), Linear(4, 2)),
    "remembers": Sequential(
        Linear(3, 6, bias=False), BatchNorm(6), ReLU(), Dropout(0.2), Linear(6, 2)
    ),
    "averages": Sequential(Linear(3, 4, bias=False), BatchNorm(4, momentum=None), Linear(4, 2)),
    "large": Sequential(Linear(3, 90), Tanh(), Linear(90, 9), Tanh(), Linear(9, 2)),
}


def saved(folder: Path, layer: Sequential, rule: Optimizer, batch_size: int | None) -> Path:
    """A checkpoint after some epochs, with all samples of its training."""
    network = Network(layer)
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(20, 3)), generator.normal(size=(20, 2))
    params = network.initialize(1)
    done: Training = fit(
        network, params, x, target, optimizer=rule, epochs=7, batch_size=batch_size, seed=9
    )
    path = folder / "net.safetensors"
    save_checkpoint(
        path,
        network,
        done.state,
        optimizer=rule,
        loss=MSE(),
        batch_size=batch_size,
        x=x,
        target=target,
    )
    return path


Case = tuple[str, str, int | None]
CASES = list(itertools.product(NETWORKS, RULES, (None, 8)))


@pytest.fixture(scope="module")
def gone_on(
    bare_site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[Case, tuple[Path, Ran]]:
    """The folder of every case and what its program did, all of them run in one process."""
    folders = {case: tmp_path_factory.mktemp("going-on") for case in CASES}
    for (layer, rule, batch_size), folder in folders.items():
        path = saved(folder, NETWORKS[layer], RULES[rule], batch_size)
        out = str(folder / "train.py")
        assert main(["write", str(path), "--epochs", "50", "-o", out, "--lang", "en"]) == 0
    ran = run_bare(bare_site, [folder / "train.py" for folder in folders.values()])
    return dict(zip(CASES, zip(folders.values(), ran, strict=True), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_program_goes_on_as_the_training_would(
    case: Case, gone_on: Mapping[Case, tuple[Path, Ran]]
) -> None:
    layer, _, batch_size = case
    folder, ran = gone_on[case]
    checkpoint = load_checkpoint(folder / "net.safetensors")
    saved: Any = load(folder / "net.safetensors")
    x, target = saved.x, saved.target
    losses, state = [], checkpoint.state
    for event in train(
        checkpoint.network,
        state,
        x,
        target,
        loss=checkpoint.loss,
        optimizer=checkpoint.optimizer,
        epochs=57,
        batch_size=batch_size,
    ):
        if isinstance(event, StepEvent):
            losses.append(event.loss)
        state = event.state
    np.testing.assert_allclose(ran.losses, losses, rtol=1e-12)
    views = checkpoint.network.named(state.params).values()
    expected = [*views, *running_statistics(state.layers)]
    for learned, array in zip(ran.learned, expected, strict=True):
        bound = 1e-12 * float(np.abs(array).max())
        np.testing.assert_allclose(learned, array, rtol=0, atol=bound)
    # Steps count from 0, in a program as everywhere.
    first = 7 * (1 if batch_size is None else 3)
    assert ran.printed.startswith(f"step {first}: loss ")
    assert (folder / "train.npz").exists() == (layer == "large")


def test_numbers_that_are_many_need_a_file(tmp_path: Path) -> None:
    network = Network(NETWORKS["large"])
    x, target = np.ones((2, 3)), np.ones((2, 2))
    recipe = Recipe(network, network.initialize(0), x, target)
    with pytest.raises(ClearpropError, match="more than 1000 numbers"):
        write_program(recipe)
    paths = save_program(tmp_path / "train.py", recipe)
    assert [path.name for path in paths] == ["train.py", "train.npz"]
    assert save_program(tmp_path / "train.py", recipe) == paths
    (tmp_path / "train.npz").write_bytes(b"mine")
    with pytest.raises(ClearpropError, match="there already"):
        save_program(tmp_path / "train.py", recipe)
    assert (tmp_path / "train.npz").read_bytes() == b"mine"


def test_many_samples_stand_beside(tmp_path: Path, bare_site: Path) -> None:
    generator = np.random.default_rng(3)
    network = Network(Sequential(Embedding(4, 2), Tanh(), Linear(2, 1)))
    x, target = generator.integers(4, size=600), generator.normal(size=(600, 1))
    recipe = Recipe(network, None, x, target)
    save_program(tmp_path / "train.py", recipe)
    ran = run_bare(bare_site, [tmp_path / "train.py"])[0]
    expected = fit(network, network.initialize(0), x, target, epochs=50)
    np.testing.assert_allclose(ran.losses, expected.losses, rtol=1e-12)
