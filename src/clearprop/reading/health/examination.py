"""What an examination found and looked at: as data, and read out in a terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clearprop.base import messages
from clearprop.base.text_tables import wrapped
from clearprop.reading.document import Document
from clearprop.reading.health.baselines import Baseline
from clearprop.reading.health.convergence import Convergence
from clearprop.reading.health.signal_bars import bars
from clearprop.reading.health.signal_sizes import SignalSize
from clearprop.reading.health.stability import Stability
from clearprop.training.finding import Finding, Severity, Values, shown

say = messages.within("health")
INDENT = "  "


class Looked(StrEnum):
    """What was looked at, or why something could not be: the key of its sentence,
    `health.looked_at.KEY`."""

    NUMBERS = "numbers"
    UNITS = "units"
    SIGNALS = "signals"
    THROUGH_TIME = "through_time"
    HEADS = "heads"
    DRAWS = "draws"
    BROKEN = "broken"
    NOTHING_LEARNED = "nothing_learned"
    NO_START = "no_start"
    CONVERGENCE = "convergence"


@dataclass(frozen=True)
class LookedAt:
    """One thing that was looked at, or that could not be; the key of its sentence, and numbers."""

    kind: Looked
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Examination(Document):
    """What was found, the worst first, and what was looked at.

    loss         L of the step that was examined
    silent       for how many samples the slope of each unit is 0, by the path of its activation
    signals      how large ∂C/∂z is, layer by layer
    stability    the local bound of the learning rate, at the start and at the end where both are
                 known
    baselines    what the best constant, and the best line, cost on the same samples
    convergence  what is left of the gradient; None where some number is not finite
    """

    samples: int
    loss: float
    findings: tuple[Finding, ...]
    looked_at: tuple[LookedAt, ...]
    silent: Mapping[str, tuple[int, ...]]
    signals: tuple[SignalSize, ...]
    stability: tuple[Stability, ...]
    baselines: tuple[Baseline, ...]
    convergence: Convergence | None

    @property
    def healthy(self) -> bool:
        """Whether nothing was found but notes."""
        return all(one.severity == Severity.NOTE for one in self.findings)

    def text(self, language: str = "en", width: int | None = None) -> str:
        """All of it, for a terminal of `width` columns; None lets every sentence be one line."""

        def lined(sentence: str, indent: str = "") -> list[str]:
            if width is None:
                return [indent + sentence]
            return wrapped(sentence, width, indent + INDENT, indent, break_words=True)

        found = self.findings
        key = "found" if not self.healthy else "noted" if found else "nothing"
        values = {"count": len(found), "samples": self.samples}
        lines = lined(say(language, key, loss=shown(self.loss), **values))
        for baseline in self.baselines:
            lines += lined(baseline.sentence(language))
        for one in found:
            severity = say(language, f"severity.{one.severity}")
            told = f"{severity}{say(language, 'then')}{one.sentence(language)}"
            lines += ["", *lined(told), *lined("→ " + one.advice(language), INDENT)]
        if self.stability:
            lines += ["", *lined(say(language, "stability.title"))]
            for point in self.stability:
                lines += lined(point.sentence(language), INDENT)
        if self.signals:
            lines += ["", *lined(say(language, "signals.title"))]
            room = None if width is None else width - len(INDENT)
            lines += [f"{INDENT}{line}" for line in bars(self.signals, room)]
        lines += ["", *lined(say(language, "looked_at.title"))]
        for look in self.looked_at:
            numbers = {name: shown(value) for name, value in look.values.items()}
            lines += lined(say(language, f"looked_at.{look.kind}", **numbers), INDENT)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()
