"""The most memory that a training takes at any moment, beside eager PyTorch: the networks of
`lenet_step`, `through_time` and `gpt_step`, with their data, parameters, gradients and what the
optimizer remembers.

Of ours it is what Python and NumPy have allocated (`tracemalloc`), of PyTorch what its own
allocator has given out (its profiler), which leaves out its Python objects and the scratch of its
libraries.
"""

import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks import gpt_step, lenet_step, through_time
from benchmarks.measuring import Row, print_rows, torch_is_installed

STEPS = 3

Make = Callable[[Any, Any], Callable[[], float]]


class _Training(NamedTuple):
    """A network's name, its data, and what makes a step of ours and of PyTorch's of them."""

    name: str
    x: Any
    target: Any
    own: Make
    torch: Make


def _trainings() -> list[_Training]:
    return [
        _Training("LeNet", *lenet_step.data(), lenet_step.own_step, lenet_step.torch_step),
        _Training("LSTM", *through_time.data(), through_time.own_step, through_time.torch_step),
        _Training("micro-GPT", *gpt_step.data(), gpt_step.own_step, gpt_step.torch_step),
    ]


def _some_steps(one: _Training, make: Make) -> None:
    step = make(one.x.copy(), one.target.copy())
    for _ in range(STEPS):
        step()


def own_peak(one: _Training) -> float:
    """In MB. The first training is not counted: it loads what is loaded when it is needed."""
    _some_steps(one, one.own)
    tracemalloc.start()
    try:
        _some_steps(one, one.own)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def torch_peak(one: _Training) -> float:
    """In MB."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        _some_steps(one, one.torch)
    moments = profiled.profiler.kineto_results.events()
    changes = [
        (event.start_ns(), event.nbytes()) for event in moments if event.name() == "[memory]"
    ]
    return float(np.cumsum([size for _, size in sorted(changes)]).max()) / 1e6


def measure() -> list[Row]:
    rows = []
    for one in _trainings():
        own = own_peak(one)
        rows.append(Row(f"{one.name}, peak of a training", own, "MB"))
        if torch_is_installed():
            rows.append(Row("  over eager PyTorch", own / torch_peak(one), "x", at_most=3))
    return rows


if __name__ == "__main__":
    print_rows(measure())
