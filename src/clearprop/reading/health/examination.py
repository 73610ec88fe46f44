"""What an examination found and looked at: as data, and read out in a terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clearprop.base import messages
from clearprop.reading.document import Document
from clearprop.reading.health.signal_bars import bars
from clearprop.reading.health.signal_sizes import SignalSize
from clearprop.reading.health.stability import Stability
from clearprop.training.finding import Finding, Severity, Values, shown

say = messages.within("health")


class Looked(StrEnum):
    """What was looked at, or why something could not be: the key of its sentence,
    `health.looked_at.KEY`."""

    NUMBERS = "numbers"
    UNITS = "units"
    SIGNALS = "signals"
    DRAWS = "draws"
    BROKEN = "broken"
    NOTHING_LEARNED = "nothing_learned"
    NO_START = "no_start"


@dataclass(frozen=True)
class LookedAt:
    """One thing that was looked at, or that could not be; the key of its sentence, and numbers."""

    kind: Looked
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Examination(Document):
    """What was found, the worst first, and what was looked at.

    loss       L of the step that was examined
    silent     for how many samples the slope of each unit is 0, by the path of its activation
    signals    how large ∂C/∂z is, layer by layer
    stability  the local bound of the learning rate, at the start and at the end where both are
               known
    """

    samples: int
    loss: float
    findings: tuple[Finding, ...]
    looked_at: tuple[LookedAt, ...]
    silent: Mapping[str, tuple[int, ...]]
    signals: tuple[SignalSize, ...]
    stability: tuple[Stability, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found but notes."""
        return all(one.severity == Severity.NOTE for one in self.findings)

    def text(self, language: str = "en") -> str:
        """All of it, for a terminal."""
        found = self.findings
        key = "found" if found else "nothing"
        values = {"count": len(found), "samples": self.samples}
        lines = [say(language, key, loss=shown(self.loss), **values)]
        for one in found:
            severity = say(language, f"severity.{one.severity}")
            lines += ["", f"{severity}{say(language, 'then')}{one.sentence(language)}"]
            lines.append("  → " + one.advice(language))
        if self.stability:
            lines += ["", say(language, "stability.title")]
            lines += [f"  {one.sentence(language)}" for one in self.stability]
        if self.signals:
            lines += ["", say(language, "signals.title")]
            lines += [f"  {line}" for line in bars(self.signals)]
        lines += ["", say(language, "looked_at.title")]
        for look in self.looked_at:
            numbers = {name: shown(value) for name, value in look.values.items()}
            lines.append("  " + say(language, f"looked_at.{look.kind}", **numbers))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()
