"""How far a long experiment is: a function that is told (done, total)."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """The progress of somebody who does not want to know."""


def part(progress: Progress, index: int, parts: int) -> Progress:
    """The progress of part `index` of `parts` equal ones, told as progress of the whole."""
    return lambda done, total: progress(index * total + done, parts * total)
