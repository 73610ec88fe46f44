"""One step of a training, in turns with the same step as a NumPy script and in eager PyTorch."""

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.measuring import Row
from clearprop.bench.timing import cores, interleaved


def rows_of_steps(
    name: str,
    runs: Mapping[str, Callable[[], float]],
    *,
    rounds: int,
    calls: int,
    over_torch: float,
) -> list[Row]:
    """A step of ours, "own", and its ratios to the same step as a script, "numpy", and in eager
    PyTorch, "torch", where that is among them; the same of ours in machine code, "compiled", if
    that is there; on one core.

    Raises SystemExit where they do not compute the same loss.
    """
    for _ in range(5):
        losses = [run() for run in runs.values()]
        if not np.allclose(losses, losses[0], rtol=1e-5, atol=0):
            raise SystemExit(f"The steps do not compute the same loss: {losses}")
    with cores(1):
        seconds = interleaved(runs, repeats=rounds, calls=calls)
    own = seconds["own"]
    rows = [
        Row(f"{name}: one step", 1e3 * own, "ms"),
        Row("  over a NumPy script", own / seconds["numpy"], "x", at_most=1.2),
    ]
    if "torch" in seconds:
        rows.append(Row("  over eager PyTorch", own / seconds["torch"], "x", at_most=over_torch))
    if "compiled" in seconds:
        compiled = seconds["compiled"]
        rows.append(Row("  in machine code", 1e3 * compiled, "ms"))
        rows.append(Row("    over a NumPy script", compiled / seconds["numpy"], "x", at_most=1.2))
        if "torch" in seconds:
            ratio = compiled / seconds["torch"]
            rows.append(Row("    over eager PyTorch", ratio, "x", at_most=over_torch))
    return rows
