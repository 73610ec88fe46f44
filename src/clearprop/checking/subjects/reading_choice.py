"""Which of several readings is meant: the first whose gradients the function itself confirms.

Along a random direction of every array the claimed slope is compared with the slope of the forward
pass, more coarsely than the check does it. Where no reading is confirmed the likeliest one that
runs is checked, and the verdict says what is wrong with it.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import ContractError
from clearprop.checking.subjects.one_reading import Reading
from clearprop.checking.subjects.randomness import keyed
from clearprop.checking.subjects.subject import Subject, copies
from clearprop.checking.subjects.undisturbed import undisturbed

# More ways to read one pair of functions have not been met.
MOST = 60
STEP = {"float64": 1e-6, "float32": 1e-3}
# What two slopes may differ by, of the larger one, and still be the same.
ALIKE = {"float64": 1e-4, "float32": 3e-2}


def chosen(readings: Iterable[Reading], dy: Array | None, seed: int) -> Reading | None:
    """The first reading that is confirmed, or else the one of which most arrays are; None where
    there is none that runs.

    Raises ContractError where nothing confirms any of several readings, and no name says which is
    meant.
    """
    best: tuple[tuple[int, int], Reading] | None = None
    most, tried = 0, list[Reading]()
    for reading in islice(readings, MOST):
        with undisturbed(reading.functions), np.errstate(all="ignore"):
            confirmed = _confirmed(reading, dy, seed)
        # One that leaves out what another has a gradient for would hide that it is wrong.
        if len(confirmed) >= most and all(confirmed.values()):
            return reading
        tried.append(reading)
        most = max(most, len(confirmed))
        right = [reading.handed.variables[name].value for name, yes in confirmed.items() if yes]
        # Of two as good, the one that has more numbers right: weights before biases.
        count = len(right), sum(np.size(value) for value in right)
        if best is None or count > best[0]:
            best = count, reading
    if best is None:
        return None
    count, reading = best
    if not any(count) and len(tried) > 1:
        # At a kink no slope confirms anything; a little beside it, one does.
        for other in tried:
            with undisturbed(other.functions), np.errstate(all="ignore"):
                beside = _confirmed(other, dy, seed, moved=True)
            if len(beside) >= most and all(beside.values()):
                return other
        # The sign of a loss that stands nowhere can be the one thing that is wrong.
        for other in (one for one in tried if one.key == "implied_loss"):
            with undisturbed(other.functions), np.errstate(all="ignore"):
                opposite = _confirmed(other, dy, seed, sign=-1)
            if len(opposite) >= most and all(opposite.values()):
                return other
        _require_said(reading)
    return reading


def _require_said(reading: Reading) -> None:
    """Refuse to call wrong what may have been read wrongly."""
    function = (reading.backward or reading.forward).name
    if reading.key == "implied_loss":
        raise ContractError("check_no_loss", function=function)
    if reading.way is not None and not reading.way.named:
        raise ContractError("check_unsure", function=function)


def _confirmed(
    reading: Reading, dy: Array | None, seed: int, *, moved: bool = False, sign: int = 1
) -> dict[str, bool]:
    """By array, whether its gradient times `sign` is that of the forward pass; of none where it
    does not run."""
    nothing = dict.fromkeys(reading.claims, False)
    try:
        subject = keyed(reading.subject(dy), seed)
        if moved:
            subject = subject.at(_beside(subject, seed), subject.dy)
        y = subject.output
        upstream = subject.dy
        if upstream is None:
            drawn = keyed_generator(seed, path="reading").normal(size=y.shape)
            upstream = np.asarray(drawn).astype(y.dtype if y.dtype.kind == "f" else np.float64)
        if upstream.shape != y.shape:
            return nothing
        claimed = subject.gradients(subject.arrays, upstream)
        return {
            name: agrees(subject, name, upstream, sign * np.asarray(claimed[name]), seed)
            for name in subject.variables
        }
    except (ContractError, ValueError):
        return nothing


def _beside(subject: Subject, seed: int) -> dict[str, Array]:
    """A point a little beside the subject's."""
    generator = keyed_generator(seed, path="beside")
    return {
        name: (array + 0.01 * generator.normal(size=array.shape)).astype(array.dtype)
        if array.dtype.kind == "f"
        else array
        for name, array in subject.arrays.items()
    }


def agrees(subject: Subject, name: str, dy: Array, claimed: Array, seed: int) -> bool:
    """Whether the slope of the forward pass along a random direction is the claimed one."""
    array = subject.arrays[name]
    if claimed.size != array.size or claimed.dtype.kind not in "fiu" or not array.size:
        return claimed.size == array.size and not array.size
    single = "float32" in (array.dtype.name, subject.output.dtype.name)
    kind = "float32" if single else "float64"
    generator = keyed_generator(seed, path=f"direction {name}")
    direction = np.asarray(generator.normal(size=array.shape)).astype(array.dtype)
    step = STEP[kind] * max(1e-3, float(np.sqrt(np.mean(np.square(array)))))
    ahead, behind = (_forward(subject, {name: array + side * step * direction}) for side in (1, -1))
    if ahead.shape != dy.shape:
        return False
    slope = float(np.sum(dy * (ahead - behind))) / (2 * step)
    stated = float(np.sum(claimed.reshape(array.shape) * direction))
    size = float(np.linalg.norm(claimed) * np.linalg.norm(direction)) / max(1, array.size) ** 0.5
    noise = np.finfo(kind).eps * float(np.sum(np.abs(dy * ahead))) / step
    room = ALIKE[kind] * max(abs(slope), abs(stated), size) + 4 * noise
    return bool(abs(slope - stated) <= room)


def _forward(subject: Subject, moved: Mapping[str, Array]) -> Array:
    # A complex output is refused by the check itself; here its real part says how it is meant.
    found = np.asarray(subject.forward({**copies(subject.arrays), **moved}))
    return np.asarray(found.real, np.float64)
