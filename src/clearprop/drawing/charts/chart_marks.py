"""What stands in a chart: curves, bands, points, bars, whiskers and lines that help to read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clearprop.base.arrays import Array
from clearprop.drawing.pen.palette import Role

Numbers: TypeAlias = Sequence[float] | Array


@dataclass(frozen=True, eq=False)
class Curve:
    """A line through points; a gap where a value is not finite. Without a name it is not in the
    legend. `says` is told by what points at it."""

    x: Numbers
    y: Numbers
    role: Role = "series1"
    name: str = ""
    width: float = 1.8
    dashed: bool = False
    says: str = ""


@dataclass(frozen=True, eq=False)
class Band:
    """The area between two curves, drawn under everything else."""

    x: Numbers
    low: Numbers
    high: Numbers
    role: Role = "grid"
    name: str = ""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Many points."""

    x: Numbers
    y: Numbers
    role: Role = "series1"
    name: str = ""
    radius: float = 2.0


@dataclass(frozen=True, eq=False)
class Columns:
    """Upright bars from 0, between edges (n + 1) with heights (n)."""

    edges: Numbers
    heights: Numbers
    role: Role = "series1"
    name: str = ""
    says: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Whiskers:
    """Upright lines from low to high, with a point between them."""

    x: Numbers
    y: Numbers
    low: Numbers
    high: Numbers
    role: Role = "series1"
    name: str = ""
    says: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Guide:
    """A dashed straight line between two points (x, y), to compare with."""

    start: tuple[float, float]
    end: tuple[float, float]
    role: Role = "muted"
    name: str = ""


Mark: TypeAlias = Curve | Band | Cloud | Columns | Whiskers | Guide
