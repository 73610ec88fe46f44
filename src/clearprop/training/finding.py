"""What was found: where, how bad, with which numbers. The sentences stand in the message tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from clearprop.base import messages
from clearprop.base.numbers import brief, number

# The numbers and names of a finding, by the fields of its sentence.
Values: TypeAlias = Mapping[str, float | int | str]

# So many places stand in a sentence; the data has all of them.
LISTED = 3


class Severity(StrEnum):
    """How bad a finding is, the worst first.

    SERIOUS  no training can go on
    WARNING  training suffers
    NOTE     a consequence of something else, or may be as it should be
    """

    SERIOUS = "serious"
    WARNING = "warning"
    NOTE = "note"


class Symptom(StrEnum):
    """What a finding is: the key of its sentences in the message tables, `health.KEY.says` for what
    was found and `health.KEY.try` for what to try."""

    DEAD_LAYER = "dead_layer"
    DEAD_UNITS = "dead_units"
    DEAD_ALL_CHANNELS = "dead_all_channels"
    DEAD_CHANNELS = "dead_channels"
    SATURATED = "saturated"
    SATURATED_CHANNELS = "saturated_channels"
    CONSTANT_CHANNELS = "constant_channels"
    ATTENTION_ONE_PLACE = "attention_one_place"
    ATTENTION_EVEN = "attention_even"
    CONSTANT_ZERO = "constant_zero"
    CONSTANT_SQUARED = "constant_squared"
    CONSTANT = "constant"
    CONSTANT_BEST = "constant_best"
    VANISHING = "vanishing"
    TIME_VANISHING = "time_vanishing"
    TIME_EXPLODING = "time_exploding"
    EXPLODING = "exploding"
    NONFINITE_INPUT = "nonfinite_input"
    NONFINITE_TARGET = "nonfinite_target"
    NONFINITE_PARAMETER = "nonfinite_parameter"
    REPLAYED = "replayed"
    NONFINITE_STATE = "nonfinite_state"
    NONFINITE_FORWARD_PRODUCT = "nonfinite_forward_product"
    NONFINITE_FORWARD_FUNCTION = "nonfinite_forward_function"
    NONFINITE_FORWARD_LAYER = "nonfinite_forward_layer"
    NONFINITE_FORWARD_SUM = "nonfinite_forward_sum"
    NONFINITE_FORWARD_JOIN = "nonfinite_forward_join"
    NONFINITE_LOSS = "nonfinite_loss"
    NONFINITE_SIGNAL = "nonfinite_signal"
    NONFINITE_GRADIENT = "nonfinite_gradient"
    NONFINITE_UPDATE = "nonfinite_update"
    UNMOVED_FLAT = "unmoved_flat"
    UNMOVED_DEAD_BEHIND = "unmoved_dead_behind"
    UNMOVED_NO_SIGNAL = "unmoved_no_signal"
    UNMOVED_ZERO_COLUMN = "unmoved_zero_column"
    UNMOVED_SILENT_BEFORE = "unmoved_silent_before"
    UNMOVED_NEVER_TOGETHER = "unmoved_never_together"
    UNMOVED_IDS = "unmoved_ids"
    UNMOVED_ELSEWHERE = "unmoved_elsewhere"
    UNMOVED_ROUNDING = "unmoved_rounding"
    UNMOVED_OPTIMIZER = "unmoved_optimizer"
    CONVERGED = "converged"
    CONVERGED_TO_DIGITS = "converged_to_digits"
    CONVERGED_ALL_THE_SAME = "converged_all_the_same"
    SADDLE = "saddle"
    WORSE_THAN_CONSTANT = "worse_than_constant"
    WORSE_THAN_LINE = "worse_than_line"
    RATE_START = "rate_start"
    RATE_END = "rate_end"
    RATE_HERE = "rate_here"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    places    the addresses of the units, entries or layers that it is about
    values    its numbers and names, by the fields of its sentence
    """

    kind: Symptom
    severity: Severity
    places: tuple[str, ...]
    values: Values = field(default_factory=dict)

    def sentence(self, language: str = "en") -> str:
        """What was found, with its numbers."""
        return self._say("says", language)

    def advice(self, language: str = "en") -> str:
        """What to try."""
        return self._say("try", language)

    def _say(self, part: str, language: str) -> str:
        return messages.text(
            language,
            f"health.{self.kind}.{part}",
            places=listed(self.places, language),
            **{name: shown(value) for name, value in self.values.items()},
        )


def shown(value: float | int | str) -> str:
    """A number as it stands in a sentence: with five digits, or as many as there are."""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else value
    rounded = float(f"{value:.4g}")
    return brief(value) if value == rounded else number(value, 5)


def listed(places: Iterable[str], language: str) -> str:
    """The first places, and how many more there are."""
    first = list(places)
    text = messages.text(language, "health.comma").join(first[:LISTED])
    if len(first) <= LISTED:
        return text
    return messages.text(language, "health.more", first=text, count=len(first) - LISTED)
