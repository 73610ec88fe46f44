"""From a wrong gradient to the likely mistake."""

from clearprop.checking.evidence import Evidence, Mistake


def diagnose(_evidence: Evidence) -> tuple[Mistake, ...]:
    """The mistakes that would give the claimed numbers, the likeliest first."""
    return ()
