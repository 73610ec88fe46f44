"""Written programs do what the engine does, where there is NumPy and SciPy and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from clearprop.base.arrays import Array
from clearprop.reading.programs import Recipe, write_program
from clearprop.reading.programs.recipe import settle
from clearprop.training import StepEvent, TrainingState, start, train
from tests.programs.bare import Ran, run_bare
from tests.programs.cases import catalogue

CASES = dict(catalogue())


def ours(recipe: Recipe) -> tuple[Array, TrainingState]:
    """The losses of a recipe's training by the engine, and where it ends."""
    done = settle(recipe)
    state = start(recipe.network, done.params, recipe.optimizer, seed=recipe.seed)
    losses = []
    for event in train(
        recipe.network,
        state,
        done.x,
        done.target,
        loss=recipe.loss,
        optimizer=recipe.optimizer,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        side_inputs=done.beside.arrays,
    ):
        if isinstance(event, StepEvent):
            losses.append(event.loss)
        state = event.state
    return np.array(losses), state


def require_agreement(recipe: Recipe, ran: Ran, rtol: float = 1e-12) -> None:
    """The losses, and the parameters within `rtol` of their array's largest entry."""
    losses, state = ours(recipe)
    np.testing.assert_allclose(ran.losses, losses, rtol=rtol)
    names = [p for p in recipe.network.layout.slots if p not in recipe.network.tied]
    expected = [recipe.network.layout.view(state.params, path) for path in names]
    for path, array, learned in zip(names, expected, ran.learned, strict=False):
        assert learned.dtype == array.dtype
        # Parameters whose gradient is 0 but for the rounding of its sum stay beside 0.
        bound = max(rtol * float(np.abs(array).max()), 1e-18)
        np.testing.assert_allclose(learned, array, rtol=0, atol=bound, err_msg=path)
    statistics = ran.learned[len(names) :]
    kept = running_statistics(state.layers)
    for array, learned in zip(kept, statistics, strict=True):
        np.testing.assert_allclose(learned, array, rtol=rtol, atol=1e-15)


def running_statistics(tree: object) -> list[Array]:
    """The running means and variances of a state, in the order of the layers."""
    if not hasattr(tree, "items"):
        return []
    found = []
    for name, value in tree.items():
        if name in ("running_mean", "running_var"):
            found.append(value)
        else:
            found += running_statistics(value)
    return found


@pytest.fixture(scope="session")
def ran(bare_site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """All cases, run in one process."""
    folder = tmp_path_factory.mktemp("programs")
    paths = []
    for name, recipe in CASES.items():
        paths.append(folder / f"{name}.py")
        paths[-1].write_text(write_program(recipe), encoding="utf-8")
    return dict(zip(CASES, run_bare(bare_site, paths), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_losses_and_parameters_are_those_of_the_engine(name: str, ran: dict[str, Ran]) -> None:
    assert len(ran[name].losses) >= 50
    require_agreement(CASES[name], ran[name])
