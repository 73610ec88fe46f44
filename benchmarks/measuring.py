"""What benchmarks have in common: a row, an environment, and single steps of a training."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table: a measured figure, and the bound that it is held to, if any.

    `at_most` and `at_least` are in the figure's own unit; a ratio's unit is "x".
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the figure keeps its bound; None where it has none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None


def fresh_environment() -> dict[str, str]:
    """The environment for a process whose start is timed: one that may use compiled bytecode."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def torch_is_installed() -> bool:
    """Whether the comparisons with PyTorch can be made."""
    return find_spec("torch") is not None


def step_of_training(events: Iterator[Any]) -> Callable[[], float]:
    """One turn of `train` on all samples at once: a step event and an epoch event."""

    def step() -> float:
        event = next(events)
        next(events)
        return float(event.loss)

    return step


def step_of_torch(
    model: Any, criterion: Any, optimizer: Any, x: Any, target: Any
) -> Callable[[], float]:
    """One step of eager PyTorch."""

    def step() -> float:
        loss = criterion(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def print_rows(rows: list[Row]) -> None:
    """The rows as a table."""
    width = max(len(row.name) for row in rows)
    for row in rows:
        bound = ""
        if row.at_most is not None:
            bound = f"at most {row.at_most:g} {row.unit}"
        elif row.at_least is not None:
            bound = f"at least {row.at_least:g} {row.unit}"
        verdict = {None: "", True: "holds", False: "DOES NOT HOLD"}[row.holds]
        print(
            f"{row.name:<{width}}  {row.value:10.3f} {row.unit:<3}  {bound:<18} {verdict}".rstrip()
        )
