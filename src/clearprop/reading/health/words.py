"""An examination read out in a terminal: findings, what was looked at, the signals as bars."""

import math
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.numbers import number
from clearprop.reading.explanation.reading import joined
from clearprop.reading.health.finding import shown
from clearprop.reading.health.signals import SignalSize
from clearprop.reading.health.stability import Stability

if TYPE_CHECKING:
    from clearprop.reading.health.examination import Examination

# A bar of the largest signal is at most so long.
LONGEST = 36


def read_out(examination: "Examination", language: str) -> str:
    """All of it, for a terminal."""
    found = examination.findings
    key = "found" if found else "nothing"
    values = {"count": len(found), "samples": examination.samples}
    lines = [_say(language, key, loss=shown(examination.loss), **values)]
    for one in found:
        severity = _say(language, f"severity.{one.severity}")
        lines += ["", f"{severity}{_say(language, 'then')}{one.sentence(language)}"]
        lines.append("  → " + one.advice(language))
    if examination.stability:
        lines += ["", _say(language, "stability.title")]
        lines += [f"  {_stability(one, language)}" for one in examination.stability]
    if examination.signals:
        lines += ["", _say(language, "signals.title")]
        lines += [f"  {line}" for line in bars(examination.signals)]
    lines += ["", _say(language, "looked_at.title")]
    for look in examination.looked_at:
        numbers = {name: shown(value) for name, value in look.values.items()}
        lines.append("  " + _say(language, f"looked_at.{look.kind}", **numbers))
    return "\n".join(lines)


def bars(sizes: tuple[SignalSize, ...]) -> list[str]:
    """Every layer's signal as a bar on a scale of powers of ten, and its number."""
    width = max(messages.display_width(one.layer) for one in sizes)
    named = max(len(one.name) for one in sizes)
    return [
        f"{messages.pad(one.layer, width)}  {one.name:<{named}}  "
        f"{'█' * _length(one, sizes):<{LONGEST}}  {number(one.size, 3)}".rstrip()
        for one in sizes
    ]


def scale(sizes: tuple[SignalSize, ...]) -> tuple[int, int]:
    """The powers of ten below the smallest and above the largest signal that has a logarithm."""
    powers = [math.log10(one.size) for one in sizes if 0 < one.size < math.inf]
    if not powers:
        return -1, 0
    low, high = math.floor(min(powers)), math.ceil(max(powers))
    return (low - 1 if low == min(powers) else low), max(high, low + 1)


def _length(one: SignalSize, sizes: tuple[SignalSize, ...]) -> int:
    if not 0 < one.size < math.inf:
        return LONGEST if one.size > 0 else 0
    low, high = scale(sizes)
    return max(1, round(LONGEST * (math.log10(one.size) - low) / (high - low)))


def _stability(one: Stability, language: str) -> str:
    when = _say(language, f"stability.{one.when}")
    key = "bound" if one.curvature > 0 else "flat"
    if math.isnan(one.curvature):
        key = "unknown"
    values = {
        "curvature": shown(one.curvature),
        "bound": shown(one.bound),
        "loss": shown(one.loss),
    }
    parts = [_say(language, f"stability.{key}", when=when, **values)]
    if one.rate is not None and key == "bound" and one.rule != "adaptive":
        side = "above" if one.rate > one.bound else "below"
        parts.append(_say(language, f"stability.{side}", rate=shown(one.rate)))
    if one.rule in ("momentum", "adaptive"):
        parts.append(_say(language, f"stability.rule_{one.rule}"))
    if not one.converged:
        parts.append(_say(language, "stability.unsettled", iterations=one.iterations))
    if one.kinked:
        parts.append(_say(language, "stability.kinked"))
    return joined(language, parts)


def _say(language: str, key: str, **values: object) -> str:
    return messages.text(language, f"health.{key}", **values)
