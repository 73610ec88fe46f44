"""What was found: where, how bad, with which numbers. The sentences stand in the message tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from clearprop.base import messages
from clearprop.base.numbers import brief, number

# The numbers and names of a finding, by the fields of its sentence.
Values: TypeAlias = Mapping[str, float | int | str]

SERIOUS, WARNING, NOTE = "serious", "warning", "note"
# The worst first.
SEVERITIES = (SERIOUS, WARNING, NOTE)

# So many places stand in a sentence; the data has all of them.
LISTED = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    kind      what it is, and the key of its sentence: "dead_layer", "nonfinite_forward" …
    severity  "serious" where no training can go on, "warning" where it suffers, "note" where it is
              a consequence of something else, or may be as it should be
    places    the addresses of the units, entries or layers that it is about
    values    its numbers and names, by the fields of its sentence
    """

    kind: str
    severity: str
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
