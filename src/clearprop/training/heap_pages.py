"""Memory that a step gives back stays with the process, for the next step to take."""

from functools import cache

import numpy as np


@cache
def keep_pages() -> None:
    """Have glibc keep the pages of freed arrays up to some 60 MB; elsewhere nothing happens.

    It gives free memory back to the system where that is more than twice the largest array that it
    has seen freed, of up to 32 MB. Every step would ask for the same pages again, each of which the
    system clears first: a tenth to a sixth of a transformer's step. An array that comes and goes
    without being touched costs nothing and is the largest.
    """
    np.empty(31 << 20, np.uint8)
