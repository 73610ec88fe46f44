"""Which answers are pleasant to write and to mark."""

from clearprop.teaching.exercises.sheet import DECIMALS, TOLERANCE

# No answer is nearer to 0, 1 or -1 than this, and none is larger than LARGEST.
CLEAR, LARGEST = 0.02, 20.0
# What is changed, as a parameter by an update, differs from before by more than rounding could.
MOVED = 5 * TOLERANCE


def is_pleasant(value: float, *, smooth: bool) -> bool:
    """Whether an answer is neither trivial nor large, and ends unless it comes of a smooth
    function."""
    clear = CLEAR <= abs(value) <= LARGEST and abs(abs(value) - 1) >= CLEAR
    return clear and (smooth or abs(value - round(value, DECIMALS)) < 1e-9)


def settled(value: float) -> float:
    """The number without the last binary digits of its working, and 0 without a sign."""
    return round(value, 12) + 0.0
