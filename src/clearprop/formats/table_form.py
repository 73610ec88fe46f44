"""What stands around a network for a table: what its columns go through, and what its outputs mean.

It is plain data, for whoever writes all of it into another format."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from clearprop.base.arrays import Array
from clearprop.engine.network import Network

# What a file says of a column of dates, which holds numbers there.
DAYS = "days since 1970"


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: (x − centre) · factor.

    fill       what stands for a missing number; None where none may be missing
    indicator  whether a further feature is 1 where it is missing
    is_date    whether it is days since 1970, of a column of dates
    """

    name: str
    centre: float = 0.0
    factor: float = 1.0
    fill: float | None = None
    indicator: bool = False
    is_date: bool = False

    @property
    def width(self) -> int:
        """How many features it is."""
        return 1 + self.indicator


@dataclass(frozen=True)
class WordColumn:
    """A column of words: one feature for each of `words`; "" is a missing one."""

    name: str
    words: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many features it is."""
        return len(self.words)


@dataclass(frozen=True)
class NumberAnswer:
    """The outputs are numbers: y · deviation + mean, held within low and high where these are
    given; `order` puts quantiles that cross in order: the place of each among the sorted."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    order: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ClassAnswer:
    """The outputs are logits of classes, words or whole numbers; `single`: one of two classes, the
    logit of the second."""

    classes: tuple[Any, ...]
    single: bool = False


@dataclass(frozen=True)
class LabelAnswer:
    """Every output is the logit of a label that is there or is not."""

    count: int


TableColumn: TypeAlias = NumberColumn | WordColumn
TableAnswer: TypeAlias = NumberAnswer | ClassAnswer | LabelAnswer


@dataclass(frozen=True, eq=False)
class TableForm:
    """A whole model of a table: columns in order, the network with the parameters (K, P) of K
    networks whose answers are averaged, and what their outputs mean. `missing` is what stands in a
    file where there is no value."""

    columns: tuple[TableColumn, ...]
    network: Network
    params: Array
    answer: TableAnswer
    missing: tuple[str, ...] = ("",)
