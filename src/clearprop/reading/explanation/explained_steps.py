"""An explanation step by step: one short sentence, and below it what it says as equations, whose
equals signs stand in one column.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from clearprop.base.messages import display_width, pad
from clearprop.base.text_tables import GAP, fitted, pad_left, wrapped

EQUALS = " = "
NUMBER = 4


@dataclass(frozen=True)
class Chain:
    """left = right = right …, as it is written: symbols first, then numbers, then the result."""

    left: str
    right: tuple[str, ...]

    @property
    def told(self) -> str:
        """What stands behind the first equals sign; the same twice is said once."""
        return EQUALS.join(filter(None, dict.fromkeys(self.right)))


@dataclass(frozen=True)
class ExplainedStep:
    """A sentence, and its equations."""

    says: str
    chains: tuple[Chain, ...] = ()


def as_text(steps: Sequence[ExplainedStep], width: int) -> list[str]:
    """The steps with their numbers, for a terminal of `width` columns."""
    lefts = [display_width(chain.left) for step in steps for chain in step.chains]
    margin = NUMBER + max(lefts, default=0)
    lines = []
    for number, step in enumerate(steps, 1):
        first = pad(f"{number}.", NUMBER)
        lines += wrapped(step.says, width, " " * NUMBER, first)
        for chain in step.chains:
            left = pad_left(chain.left, margin) + EQUALS
            lines += wrapped(chain.told, width, " " * (margin + len(EQUALS)), left)
    return lines


def titled(title: str, width: int | None) -> list[str]:
    """A table's title in lines of `width` columns; None takes any width."""
    return [title] if width is None else wrapped(title, width)


def indented(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """A table below its title."""
    room = None if width is None else width - len(GAP)
    return [f"{GAP}{line}" for line in fitted(rows, room)]


def narrowed(lines: Sequence[str], width: int | None) -> list[str]:
    """Lines that are indented by their depth, below a title; those that are too long go on behind
    their own indent."""
    found: list[str] = []
    for line in lines:
        depth = GAP + line[: len(line) - len(line.lstrip())]
        if width is None:
            found.append(GAP + line)
        else:
            found += wrapped(line.lstrip(), width, depth + GAP, depth, break_words=True)
    return found
