"""What the tests of several commands need."""

from pathlib import Path

import numpy as np
import pytest

from clearprop import MSE, SGD, Linear, Network, ReLU, Sequential
from clearprop.formats.checkpoints import save_checkpoint
from clearprop.training import fit


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A 2-3-1 network after ten steps, with three of its samples beside it."""
    network = Network(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)))
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(8, 2)), generator.normal(size=(8, 1))
    done = fit(network, network.initialize(0), x, target, optimizer=SGD(0.1), epochs=10)
    path = tmp_path / "trained.safetensors"
    save_checkpoint(
        path,
        network,
        done.state,
        optimizer=SGD(0.1),
        loss=MSE(),
        x=x[:3],
        target=target[:3],
    )
    return path
