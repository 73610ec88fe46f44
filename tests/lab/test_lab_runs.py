"""A run is kept so that every step of it can be had again, to the bit, in bounded memory."""

import time
from dataclasses import replace

import numpy as np
import pytest

from clearprop import train
from clearprop.base.arrays import Array
from clearprop.lab import branch_run
from clearprop.lab.branch_run import BranchRun
from clearprop.lab.lab_recipe import problem_of
from clearprop.lab.planted_backward import plantable
from clearprop.training.events import StepEvent, TrainingState

LATER = 1e18
# With batches, draws, running statistics and memory of the optimizer.
NOISY = {
    "preset": "moons",
    "layers": [
        {"kind": "Linear", "units": 6},
        {"kind": "BatchNorm"},
        {"kind": "Tanh"},
        {"kind": "Dropout", "probability": 0.2},
        {"kind": "Linear"},
    ],
    "optimizer": {"kind": "Adam", "learning_rate": 0.01},
    "batch": 40,
    "seed": 3,
}


def everything(state: TrainingState) -> list[Array]:
    """All arrays of a state."""
    layers = [one for own in state.layers.values() for one in own.values()]
    return [state.params, *state.optimizer.slots.values(), *layers]


def sought(run: BranchRun, step: int) -> TrainingState:
    seek = run.seek(step)
    while not seek.advance(time.monotonic() + 0.001):
        pass
    return seek.state


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch_run, "MOST_STATES", 10)
    monkeypatch.setattr(branch_run, "MOST_POINTS", 16)


@pytest.mark.parametrize("recipe", [{}, NOISY], ids=["tutorial", "noisy"])
def test_every_step_has_the_bits_that_a_training_gives(
    recipe: dict[str, object], small_memory: None
) -> None:
    problem = problem_of(recipe)
    run = BranchRun("main", problem)
    run.advance(143, LATER)
    events = train(
        problem.network,
        problem.first,
        problem.data.x,
        problem.target,
        loss=problem.loss,
        optimizer=problem.optimizer,
        batch_size=problem.batch,
        epochs=200,
        engine="numpy",
    )
    states = [problem.first]
    for event in events:
        if isinstance(event, StepEvent):
            states.append(event.state)
        if len(states) > 143:
            break
    for step in (143, 0, 71, 72, 1, 142, 40):
        found = sought(run, step)
        assert found.step == step
        for one, other in zip(everything(found), everything(states[step]), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_step_is_recorded_with_the_numbers_that_it_had() -> None:
    run = BranchRun("main", problem_of(NOISY))
    run.advance(9, LATER)
    losses = list(run.losses)
    for step in (8, 3, 0):
        assert run.step_at(sought(run, step)).value == losses[step]


def test_going_on_from_a_step_gives_the_same_bits_unless_something_was_changed() -> None:
    run = BranchRun("main", problem_of(NOISY))
    run.advance(30, LATER)
    again = BranchRun("1", replace(run.problem, first=sought(run, 11)))
    again.advance(30, LATER)
    for one, other in zip(everything(again.last), everything(run.last), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.losses == run.losses[11:]


def test_memory_stays_bounded_however_long_a_run_is(small_memory: None) -> None:
    run = BranchRun("main", problem_of({"preset": "pair"}))
    sizes = []
    for goal in (100, 1000, 4000):
        run.advance(goal, LATER)
        sizes.append((len(run._kept) <= 10, len(run.losses) <= 16))
    assert all(kept and points for kept, points in sizes)
    # The points are those of every so many steps.
    assert run.losses[3] == run.step_at(sought(run, 3 * run.stride)).value
    assert len(run.losses) * run.stride >= 4000


def test_a_large_network_is_kept_less_often() -> None:
    large = BranchRun("main", problem_of({"layers": [{"kind": "Linear", "units": 1000}] * 2}))
    small = BranchRun("main", problem_of({}))
    assert large.most_states * large.problem.first.params.nbytes <= branch_run.MOST_BYTES
    assert large.most_states < small.most_states


def test_a_run_stops_at_its_deadline() -> None:
    run = BranchRun("main", problem_of({}))
    began = time.monotonic()
    run.advance(None, began + 0.03)
    assert run.steps > 0
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("preset", ["tutorial", "pair", "digits"])
def test_every_mistake_that_is_offered_changes_the_training(preset: str) -> None:
    problem = problem_of({"preset": preset})
    right = BranchRun("main", problem)
    first = right.step_at(problem.first)
    found = plantable(first)
    assert len({one.key for one in found}) >= 7
    right.advance(3, LATER)
    for planted in found[:: 1 if preset != "digits" else 5]:
        wrong = BranchRun("1", problem, planted=planted)
        wrong.advance(3, LATER)
        assert not np.array_equal(wrong.last.params, right.last.params)
        # Gone back in, it has the same wrong bits.
        again = sought(wrong, 2)
        stepped = wrong.step_at(again).stepped
        assert stepped is not None
        np.testing.assert_array_equal(stepped, wrong.last.params)
