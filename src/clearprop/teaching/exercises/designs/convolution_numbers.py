"""A 3×3 kernel on a 4×4 image: alone, before ReLU and average pooling, and with a border before max
pooling.

    z_ij = b + Σ_uv w_uv·x̄_(i+u−1)(j+v−1)      ∂C/∂w_uv = Σ_ij x̄_(i+u−1)(j+v−1)·∂C/∂z_ij
                                              ∂C/∂x̄_rc = Σ_ij w_(r−i+1)(c−j+1)·∂C/∂z_ij

where x̄ is x in its border of zeros; everything is counted from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from clearprop.engine.step import Step
from clearprop.teaching.exercises.designs.design import (
    Reading,
    WorkedNumber,
    derivative,
    indexed,
    minus,
    times,
    total,
)
from clearprop.teaching.exercises.expressions import (
    Addition,
    Applied,
    Expression,
    IsLargest,
    LargestOf,
    Name,
    NumberLiteral,
)
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.exercises.naming import Label

SIDE, KERNEL = 4, 3
APART = 0.1
_IMAGE, _ENTRIES, BIASES = (0, 1, 2, 3), (-2, -1, 1, 2, 0), (-2, -1, 1, 2)

Place = tuple[int, int]


@dataclass(frozen=True)
class KernelSums:
    """The sums of a kernel on an image with `border` rows of zeros above and below."""

    border: int

    @property
    def places(self) -> tuple[Place, ...]:
        """The places of the kernel, row by row."""
        rows, columns = SIDE + 2 * self.border - KERNEL + 1, SIDE - KERNEL + 1
        return tuple((i, j) for i in range(1, rows + 1) for j in range(1, columns + 1))

    def under(self, place: Place, entry: Place, border: int | None = None) -> Place | None:
        """What lies under an entry of the kernel at a place; None in the border."""
        top = self.border if border is None else border
        row, column = place[0] + entry[0] - 1 - top, place[1] + entry[1] - 1
        return (row, column) if 1 <= row <= SIDE and 1 <= column <= SIDE else None

    def z(self, place: Place, *, turned: bool = False, border: int | None = None) -> Expression:
        """The sum at a place."""
        terms = [
            times(weight_of(_turned(entry) if turned else entry).name, pixel_of(pixel).name)
            for entry in entries()
            if (pixel := self.under(place, entry, border))
        ]
        return Addition((*terms, Name("b")))

    def of_weight(self, entry: Place, border: int | None = None) -> list[Expression]:
        """What every place gives to a weight's gradient."""
        return [
            times(pixel_of(pixel).name, derivative(sum_at(place)).name)
            for place in self.places
            if (pixel := self.under(place, entry, border))
        ]

    def of_pixel(
        self, pixel: Place, *, turned: bool = False, border: int | None = None
    ) -> list[Expression]:
        """What every place gives to ∂C/∂x."""
        return [
            times(
                weight_of(_turned(entry) if turned else entry).name, derivative(sum_at(place)).name
            )
            for place in self.places
            for entry in entries()
            if self.under(place, entry, border) == pixel
        ]


def entries() -> Iterator[Place]:
    """The entries of the kernel, row by row."""
    side = range(1, KERNEL + 1)
    return ((u, v) for u in side for v in side)


def _turned(entry: Place) -> Place:
    return KERNEL + 1 - entry[0], KERNEL + 1 - entry[1]


def placed(letter: str, place: Place) -> Label:
    """A letter with the row and the column of a place."""
    return indexed(letter, f"{place[0]}{place[1]}")


def pixel_of(place: Place) -> Label:
    """A number of the image."""
    return placed("x", place)


def weight_of(place: Place) -> Label:
    """A weight of the kernel."""
    return placed("w", place)


def sum_at(place: Place) -> Label:
    """What the kernel sums up at a place."""
    return placed("z", place)


BIAS = Label("b", "*b*")
PIXELS = tuple((r, c) for r in range(1, SIDE + 1) for c in range(1, SIDE + 1))


def sums_forward(sums: KernelSums) -> Iterator[WorkedNumber]:
    """Z at every place."""
    for place in sums.places:
        slips = [KnownSlip("kernel_turned", sums.z(place, turned=True))]
        if sums.border:
            slips.append(KnownSlip("border_forgotten", sums.z(place, border=0)))
        yield WorkedNumber(
            sum_at(place), "z", sums.z(place), _of_conv("output", place), tuple(slips)
        )


def sums_backward(sums: KernelSums) -> Iterator[WorkedNumber]:
    """The gradients by the kernel, its bias and the image, from ∂C/∂z."""
    for entry in entries():
        parts = sums.of_weight(entry)
        slips = [KnownSlip("kernel_turned", total(sums.of_weight(_turned(entry))))]
        if sums.border:
            slips.append(KnownSlip("border_forgotten", total(sums.of_weight(entry, 0))))
        slips += [KnownSlip("one_place", part) for part in parts]
        label = derivative(weight_of(entry))
        yield WorkedNumber(label, "dw", total(parts), _of_weight(entry), tuple(slips))
    signals: list[Expression] = [Name(derivative(sum_at(place)).name) for place in sums.places]
    mean = KnownSlip("mean_for_sum", times(NumberLiteral(1 / len(signals)), total(signals)))
    yield WorkedNumber(derivative(BIAS), "db", total(signals), _of_bias, (mean,))
    for pixel in PIXELS:
        slips = [KnownSlip("kernel_turned", total(sums.of_pixel(pixel, turned=True)))]
        if sums.border and (kept := sums.of_pixel(pixel, border=0)):
            slips.append(KnownSlip("border_forgotten", total(kept)))
        formula, read = total(sums.of_pixel(pixel)), _of_conv("input_gradient", pixel)
        yield WorkedNumber(derivative(pixel_of(pixel)), "dx", formula, read, tuple(slips))


def average_pooled(sums: KernelSums) -> Iterator[WorkedNumber]:
    """ReLU, the mean of all places, and the squared error; back as far as ∂C/∂z."""
    y, share = Label("y", "*y*"), NumberLiteral(1 / len(sums.places))
    acted: list[Expression] = []
    for place in sums.places:
        a = placed("a", place)
        acted.append(Name(a.name))
        formula = Applied("relu", Name(sum_at(place).name))
        yield WorkedNumber(a, "a", formula, _of_relu("output", place), may=(0.0,))
    mean = times(share, total(acted))
    slip = KnownSlip("summed_for_mean", total(acted))
    yield WorkedNumber(y, "y", mean, lambda step: step.forward.output[0, 0], (slip,))
    cost = Applied("square", minus("y", "t"))
    yield WorkedNumber(Label("C", "*C*"), "C", cost, lambda step: step.value)
    two = times(NumberLiteral(2.0), minus("y", "t"))
    read = _of_output(0)
    yield WorkedNumber(derivative(y), "dy", two, read)
    for place in sums.places:
        slope = Applied("relu_slope", Name(sum_at(place).name))
        slips = (
            KnownSlip("summed_for_mean", times(slope, "dC/dy")),
            KnownSlip("derivative_missing", times(share, "dC/dy")),
        )
        yield WorkedNumber(
            derivative(sum_at(place)),
            "dz",
            times(slope, share, "dC/dy"),
            _of_conv("output_gradient", place),
            slips,
            may=(0.0,),
        )


def max_pooled(sums: KernelSums) -> Iterator[WorkedNumber]:
    """The largest of every two rows, and the mean squared error; back as far as ∂C/∂z."""
    windows = _windows(sums)
    for k, window in enumerate(windows, 1):
        among = tuple(Name(sum_at(place).name) for place in window)
        mean = times(NumberLiteral(1 / len(among)), Addition(among))
        averaged = KnownSlip("average_for_largest", mean)
        read = _output_reading(k - 1)
        yield WorkedNumber(indexed("y", k), "y", LargestOf(among), read, (averaged,))
    squares: list[Expression] = [
        Applied("square", minus(f"y{k}", f"t{k}")) for k in range(1, len(windows) + 1)
    ]
    mean = times(NumberLiteral(1 / len(squares)), total(squares))
    yield WorkedNumber(Label("C", "*C*"), "C", mean, lambda step: step.value)
    for k in range(1, len(windows) + 1):
        error = minus(f"y{k}", f"t{k}")
        yield WorkedNumber(derivative(indexed("y", k)), "dy", error, _of_output(k - 1))
    for k, window in enumerate(windows, 1):
        among = tuple(Name(sum_at(place).name) for place in window)
        back = derivative(indexed("y", k)).name
        for place in window:
            chosen = IsLargest(Name(sum_at(place).name), among)
            slips = (
                KnownSlip("pool_spread", Name(back)),
                KnownSlip("pool_spread", times(NumberLiteral(1 / len(among)), back)),
            )
            yield WorkedNumber(
                derivative(sum_at(place)),
                "dz",
                times(chosen, back),
                _of_conv("output_gradient", place),
                slips,
                may=(0.0,),
            )


def _windows(sums: KernelSums) -> list[tuple[Place, ...]]:
    """The places of every window of max pooling: two rows each."""
    wide = 2 * (SIDE - KERNEL + 1)
    return [sums.places[start : start + wide] for start in range(0, len(sums.places), wide)]


def _of_conv(what: str, place: Place) -> Reading:
    """An entry of the convolution's input, output, or ∂C/∂(them)."""

    def read(step: Step) -> float:
        record = step.forward["layers[0]"] if what == "output" else step.backward["layers[0]"]
        return float(getattr(record, what)[0, 0, place[0] - 1, place[1] - 1])

    return read


def _of_relu(what: str, place: Place) -> Reading:
    return lambda step: float(
        getattr(step.forward["layers[1]"], what)[0, 0, place[0] - 1, place[1] - 1]
    )


def _output_reading(k: int) -> Reading:
    return lambda step: float(step.forward.output[0, k])


def _of_output(k: int) -> Reading:
    return lambda step: float(step.backward.output_gradient[0, k])


def _of_weight(entry: Place) -> Reading:
    return lambda step: float(
        step.backward.named()["layers[0].weight"][0, 0, entry[0] - 1, entry[1] - 1]
    )


def _of_bias(step: Step) -> float:
    return float(step.backward.named()["layers[0].bias"].item())
