"""The data sets of the lab, made with NumPy alone, so that a page without Python has them too.

line    the tutorial's: what scikit-learn's make_regression(100, noise=10, random_state=3) gives
pair    the worked example's one sample, 2 inputs and 2 outputs
xor     the four corners of the square
spirals two arms that wind around each other
moons   two half circles, one inside the other
sine    one period and a half, with noise
digits  handwritten digits, 8 × 8: the first 300 of the optical recognition set of E. Alpaydin and
        C. Kaynak (UCI Machine Learning Repository, CC BY 4.0), as scikit-learn has them
images  the same digits as images (1, 8, 8), one channel with rows and columns
recall  sequences (8, 1) of numbers of which the first is to be told at every time
marked  sequences (6, 2) of a mark and a number, of which the marked one is to be told everywhere
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clearprop.base.arrays import Array, freeze, keyed_generator
from clearprop.base.errors import UnknownNameError

DIGITS = Path(__file__).with_name("digits.npz")


@dataclass(frozen=True, eq=False)
class LabData:
    """Samples for a network.

    x        (N, inputs) in float64, or with more axes: images (N, C, H, W), sequences (N, T, F)
    target   (N, outputs) in float64, of sequences (N, T, outputs); (N,) of whole numbers, the ids
             of classes
    inputs   what the numbers of a sample of x are called; `targets` those of the target
    classes  what the classes are called, by their ids; none where the target is numbers
    image    rows and columns of a picture that x is; None where it is none
    """

    name: str
    x: Array
    target: Array
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()
    image: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        freeze(self.x)
        freeze(self.target)


def data_set(name: str) -> LabData:
    """The data set of that name. Raises UnknownNameError for another."""
    if name not in DATA_SETS:
        raise UnknownNameError("lab_data_unknown", name=name, known=", ".join(DATA_SETS))
    return DATA_SETS[name]()


def _line() -> LabData:
    # As make_regression draws: the inputs, the slope, the noise, then the order of the samples.
    random = np.random.RandomState(3)
    x = random.standard_normal((100, 1))
    slope = 100 * random.uniform(size=(1, 1))
    target = x @ slope + random.normal(scale=10.0, size=(100, 1))
    order = np.arange(100)
    random.shuffle(order)
    return LabData("line", x[order], target[order], ("x",), ("t",))


def _pair() -> LabData:
    x, target = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    return LabData("pair", x, target, ("x1", "x2"), ("t1", "t2"))


def _xor() -> LabData:
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return LabData("xor", x, np.array([[0.0], [1.0], [1.0], [0.0]]), ("x1", "x2"), ("t",))


def _spirals() -> LabData:
    random = keyed_generator(0, path="spirals")
    turn = np.sqrt(np.linspace(0.02, 1, 100)) * 3 * np.pi
    arm = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / (3 * np.pi)
    x = np.concatenate([arm, -arm]) + random.normal(0, 0.02, (200, 2))
    return LabData("spirals", x, np.repeat([0, 1], 100), ("x1", "x2"), ("class",), ("A", "B"))


def _moons() -> LabData:
    random = keyed_generator(0, path="moons")
    angle = np.linspace(0, np.pi, 75)
    outer = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.concatenate([outer, inner]) + random.normal(0, 0.1, (150, 2))
    return LabData("moons", x, np.repeat([0, 1], 75), ("x1", "x2"), ("class",), ("A", "B"))


def _sine() -> LabData:
    random = keyed_generator(0, path="sine")
    x = random.uniform(-np.pi, 2 * np.pi, (100, 1)) / np.pi
    return LabData("sine", x, np.sin(np.pi * x) + random.normal(0, 0.1, x.shape), ("x",), ("t",))


def _digits() -> LabData:
    with np.load(DIGITS, allow_pickle=False) as kept:
        x, target = kept["pixels"].astype(np.float64) / 16, kept["digits"].astype(np.int64)
    pixels = tuple(f"pixel{row}{column}" for row in range(8) for column in range(8))
    return LabData("digits", x, target, pixels, ("digit",), tuple("0123456789"), (8, 8))


def _images() -> LabData:
    flat = _digits()
    x = flat.x.reshape(-1, 1, 8, 8)
    return LabData("images", x, flat.target, flat.inputs, flat.targets, flat.classes, flat.image)


def _recall() -> LabData:
    x = keyed_generator(0, path="recall").uniform(-1, 1, (200, 8, 1))
    names = tuple(f"x{time}" for time in range(8))
    return LabData("recall", x, np.repeat(x[:, :1], 8, axis=1), names, ("first",))


def _marked() -> LabData:
    random = keyed_generator(0, path="marked")
    number = random.uniform(-1, 1, (200, 6))
    mark = np.eye(6)[random.integers(0, 6, 200)]
    told = (mark * number).sum(axis=1)[:, None, None]
    names = tuple(f"{kind}{place}" for place in range(6) for kind in ("mark", "number"))
    x = np.stack([mark, number], axis=-1)
    return LabData("marked", x, np.repeat(told, 6, axis=1), names, ("marked",))


DATA_SETS: Mapping[str, Callable[[], LabData]] = {
    "line": _line,
    "pair": _pair,
    "xor": _xor,
    "spirals": _spirals,
    "moons": _moons,
    "sine": _sine,
    "digits": _digits,
    "images": _images,
    "recall": _recall,
    "marked": _marked,
}
