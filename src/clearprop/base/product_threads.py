"""How many threads NumPy's BLAS shares a product out to, while many small ones are made.

Of a product that one core makes in less than about a millisecond the threads spend more on meeting
each other than they gain; where another program has the core that one of them waits for, it waits
for a time slice of the system's, every time: fits on a busy machine took twenty times as long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# From so many operations on a product is worth several threads.
WORTH_THREADS = 5e7


@contextmanager
def one_product_thread(operations: float = 0.0) -> Iterator[None]:
    """Within it BLAS takes one thread, unless the largest product is of so many `operations` that
    threads are worth it.

    The number is the process's; of several threads of Python the first one that sets it does.
    Needs threadpoolctl, which scikit-learn brings.
    """
    if operations >= WORTH_THREADS:
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    # To look for the libraries of a process takes milliseconds, a limit microseconds.
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
