"""A network of two linear layers in every layout that people write it in, under every loss: samples
in rows, in columns, in PyTorch's way, as a sequence, and one sample as a vector.

A layout says how a linear layer goes forward and back; the network, its losses and their mistakes
are written once. Dropout and a penalty are there where the case asks for them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.checking.gallery.sample_layouts import (
    HEADS,
    HIDDEN,
    INPUTS,
    LAYOUTS,
    OUTPUTS,
    SAMPLES,
    UNITS,
    Head,
    SampleLayout,
    Unit,
)
from clearprop.checking.gallery.specimen import STRANGER, Arrays, Specimen, always

RATE, STRENGTH, KEPT = 0.1, 0.3, 0.7


@dataclass(frozen=True, eq=False)
class WrittenNetwork:
    """One network: its layout, its unit, its loss (None hands out y), with dropout or a penalty."""

    layout: SampleLayout
    unit: Unit
    head: Head | None = None
    strength: float = 0.0
    mask: Array | None = None
    inputs: int = INPUTS
    outputs: int = OUTPUTS
    target: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def divisor(self) -> int:
        """M, what the loss is divided by."""
        return 1 if self.layout.samples is None else SAMPLES

    def forward(self, a: Arrays) -> Array:
        """The loss, or y."""
        v = self.layout
        h = self.unit.f(v.forward(a["x"], a["W1"]) + a["b1"])
        if self.mask is not None:
            h = h * self.mask
            h = h / KEPT
        y: Array = v.forward(h, a["W2"]) + a["b2"]
        if self.head is None:
            return y
        value = self.head.value(y, a["t"], v.unit) / self.divisor
        if self.strength:
            value = value + self.strength / 2 * (np.sum(a["W1"] ** 2) + np.sum(a["W2"] ** 2))
        return np.asarray(value)

    def backward(self, mistake: str, dy: Array, a: Arrays) -> Arrays:
        """The gradients, with one mistake."""
        v, unit = self.layout, self.unit
        z = v.forward(a["x"], a["W1"]) + a["b1"]
        f = unit.f(z)
        scale = 1.0 if self.mask is None else self.mask / KEPT
        h = f * scale
        d = self._start(mistake, dy, v.forward(h, a["W2"]) + a["b2"], a)
        w1, w2 = a["W1"], a["W2"]
        dw2 = v.outer(z if mistake == "weight_from_z" else h, d)
        if mistake == "updated_weights":
            w2 = w2 - RATE * (dw2 + self.strength * w2)
        back = v.back(d, w2.T if mistake == "weight_not_transposed" else w2)
        dh = self._dropped(mistake, back)
        slope = unit.slope(z, f)
        dz = dh * self._slope(mistake, slope, z, f, dh)
        for_weights = dh if mistake == "derivative_missing_for_weight" else dz
        if mistake in ("sample_missing", "one_sample") and v.samples is not None:
            last = (slice(None),) * v.samples + (-1,)
            for_weights = np.array(dz) if mistake == "sample_missing" else np.zeros_like(dz)
            for_weights[last] = 0 if mistake == "sample_missing" else dz[last]
        dw1 = v.outer(a["x"], for_weights)
        db1, db2 = self._biases(mistake, dz, d)
        if mistake == "transposed":
            dw1 = dw1.T
        if mistake == "mean_for_sum":
            dw1, db1 = dw1 / SAMPLES, db1 / SAMPLES
        penalty = {
            "penalty_missing": 0.0, "penalty_halved": 0.5, "penalty_doubled": 2.0,
            "penalty_negative": -1.0, "penalty_factor": 1 / SAMPLES,
        }.get(mistake, 1.0) * self.strength  # fmt: skip
        dw1, dw2 = dw1 + penalty * a["W1"], dw2 + penalty * a["W2"]
        if mistake == "weight_decay":
            db1 = db1 + STRENGTH * a["b1"]
        if mistake == STRANGER:
            dw1 = dw1 + 0.1 * np.sin(3 * a["W1"])
        return {"x": v.back(dz, w1), "W1": dw1, "b1": db1, "W2": dw2, "b2": db2}

    def _start(self, mistake: str, dy: Array, y: Array, a: Arrays) -> Array:
        """∂C/∂y."""
        if self.head is None:
            return dy
        axis, t = self.layout.unit, a["t"]
        p = self.head.p(y, axis)
        if mistake == "labels_shifted":
            t = np.roll(t, 1, axis)
        d = p if mistake == "target_missing" else self.head.slope(p, t)
        if mistake == "derivative_on_cross_entropy":
            d = d * p * (1 - p)
        if mistake == "softmax_diagonal":
            d = -t / p * p * (1 - p)
        if mistake == "sign":
            d = -d
        if mistake == "factor_two":
            d = 2 * d
        return d if mistake == "summed_for_mean" else d / self.divisor

    def _dropped(self, mistake: str, back: Array) -> Array:
        if self.mask is None or mistake == "dropout_mask":
            return back
        return back * (self.mask if mistake == "dropout_scale" else self.mask / KEPT)

    def _slope(self, mistake: str, slope: Array, z: Array, f: Array, dh: Array) -> Array:
        unit = self.unit
        return {
            "derivative_missing": np.ones_like(z),
            "derivative_at_a": unit.slope(f, unit.f(f)),
            "derivative_of_z": unit.slope(z, z),
            "derivative_twice": slope**2,
            "value_for_derivative": f,
            "input_for_derivative": z,
            f"{STRANGER}, beside z": z - 0.5,
            "mask_from_upstream": unit.slope(dh, dh),
            "mask_inverted": 1 - slope,
            # LeakyReLU goes back as a ReLU.
            "other_function": (z > 0) * 1.0,
        }.get(mistake, slope)

    def _biases(self, mistake: str, dz: Array, d: Array) -> tuple[Array, Array]:
        v = self.layout
        shapes = v.bias(HIDDEN), v.bias(self.outputs)
        db1, db2 = dz.sum(v.over).reshape(shapes[0]), d.sum(v.over).reshape(shapes[1])
        if mistake == "unsummed":
            db1 = dz
        if mistake == "wrong_axis":
            db1 = np.asarray(dz.sum())
        if mistake == "wrong_axis, the units'":
            db1 = dz.sum(axis=v.unit)
        if v.samples is not None and "sample" in mistake:
            alone = np.moveaxis(dz, v.samples, 0)
            if mistake == "one_sample, the bias":
                # dz[0]
                db1 = _left_over(alone[0], v, db1.shape)
            if mistake == f"{STRANGER}, two samples":
                db1 = _left_over(alone[0] + alone[1], v, db1.shape)
        if mistake == "zeros":
            db1 = np.zeros_like(db1)
        return db1, db2


def _left_over(of_samples: Array, layout: SampleLayout, shape: Shape) -> Array:
    """What one sample gives a bias: of a sequence summed over its steps."""
    units = np.moveaxis(of_samples, layout.unit if of_samples.ndim > 1 else 0, -1)
    total: Array = units.reshape(-1, units.shape[-1]).sum(0).reshape(shape)
    return total


ANY = (
    "", "derivative_missing", "derivative_missing_for_weight", "weight_from_z", "updated_weights",
    "wrong_axis", "weight_decay", "zeros", "input_for_derivative", STRANGER,
    f"{STRANGER}, beside z",
)  # fmt: skip
OF_A_BATCH = (
    "sample_missing", "mean_for_sum", "unsummed", "one_sample", "one_sample, the bias",
    "wrong_axis, the units'", f"{STRANGER}, two samples",
)  # fmt: skip
OF_A_SMOOTH = ("derivative_at_a", "derivative_of_z", "derivative_twice", "value_for_derivative")
OF_A_MASK = ("mask_from_upstream", "mask_inverted")
OF_A_LOSS = ("sign", "factor_two")
OF_A_PENALTY = (
    "penalty_missing", "penalty_halved", "penalty_doubled", "penalty_negative", "penalty_factor",
)  # fmt: skip
OF_CLASSES = (
    "derivative_on_cross_entropy", "softmax_diagonal", "labels_shifted", "target_missing",
)  # fmt: skip
OF_A_SQUARE = ("weight_not_transposed", "transposed")


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every layout with every unit, loss and mistake, at the first of the points."""
    seed = seeds.start
    for layout in LAYOUTS:
        for unit in UNITS if layout.name in ("rows", "columns") else UNITS[1:3]:
            yield from _plain(layout, unit, seed)
        for head in HEADS:
            yield from _under_a_loss(layout, head, seed)
        yield from _with_a_penalty(layout, seed)
        yield from _with_dropout(layout, seed)


def _plain(layout: SampleLayout, unit: Unit, seed: int) -> Iterator[Specimen]:
    mistakes = [*ANY]
    if layout.samples is not None:
        mistakes += OF_A_BATCH
    if unit.name == "LeakyReLU 0.2":
        mistakes += ["mask_from_upstream", "derivative_twice", "other_function"]
    else:
        mistakes += OF_A_MASK if unit.is_mask else OF_A_SMOOTH
    for mistake in mistakes:
        yield _specimen(WrittenNetwork(layout, unit), mistake, seed)
    square = WrittenNetwork(layout, unit, inputs=HIDDEN, outputs=HIDDEN)
    for mistake in OF_A_SQUARE:
        yield _specimen(square, mistake, seed)


def _under_a_loss(layout: SampleLayout, head: Head, seed: int) -> Iterator[Specimen]:
    mistakes = ["", "derivative_missing", "weight_from_z", "updated_weights", *OF_A_LOSS]
    if layout.samples is not None:
        mistakes += ["summed_for_mean", "mean_for_sum"]
    if head.name.startswith("softmax"):
        mistakes += OF_CLASSES
    if head.name.startswith("sigmoid"):
        mistakes += ["derivative_on_cross_entropy", "target_missing"]
    for mistake in mistakes:
        yield _specimen(WrittenNetwork(layout, UNITS[0], head), mistake, seed)


def _with_a_penalty(layout: SampleLayout, seed: int) -> Iterator[Specimen]:
    written = WrittenNetwork(layout, UNITS[2], HEADS[1], STRENGTH)
    mistakes = ["", *OF_A_PENALTY, "derivative_missing", "weight_from_z", "mask_inverted", "sign"]
    if layout.samples is None:
        mistakes.remove("penalty_factor")
    else:
        mistakes += ["summed_for_mean", "sample_missing"]
    for mistake in (*mistakes, STRANGER):
        yield _specimen(written, mistake, seed)


def _with_dropout(layout: SampleLayout, seed: int) -> Iterator[Specimen]:
    for head in (None, HEADS[0]):
        shape = layout.data(HIDDEN)
        mask = np.random.default_rng([seed, 11]).permutation(np.arange(np.prod(shape))) % 3 > 0
        written = WrittenNetwork(layout, UNITS[0], head, mask=mask.reshape(shape))
        for mistake in ("", "dropout_mask", "dropout_scale", "derivative_missing", STRANGER):
            yield _specimen(written, mistake, seed)


def _specimen(written: WrittenNetwork, mistake: str, seed: int) -> Specimen:
    """One of them at a point where every hidden unit is on both sides, if there are samples."""
    layout, head = written.layout, written.head
    for attempt in range(1000):
        generator = np.random.default_rng([seed, attempt, 10])
        arrays = {
            "x": generator.normal(size=layout.data(written.inputs)),
            "W1": generator.normal(size=layout.weight(written.inputs, HIDDEN)),
            "b1": generator.normal(size=layout.bias(HIDDEN)) * 0.3,
            "W2": generator.normal(size=layout.weight(HIDDEN, written.outputs)),
            "b2": generator.normal(size=layout.bias(written.outputs)),
        }
        z = layout.forward(arrays["x"], arrays["W1"]) + arrays["b1"]
        signs = np.moveaxis(z, layout.unit, -1).reshape(-1, HIDDEN) > 0
        sides = signs.any(0) & ~signs.all(0) if len(signs) > 1 else np.array([signs.any()])
        mixed = signs.any() and not signs.all()
        if np.abs(z).min() > 1e-2 and sides.all() and mixed:
            break
    if head is not None:
        arrays["t"] = _target(head, layout, written.outputs, generator)
    dy = np.ones(()) if head else generator.normal(size=layout.data(written.outputs))
    parts = [f"a network of {written.unit.name}, {layout.name}"]
    parts += [head.name] if head else []
    parts += ["a penalty"] if written.strength else []
    parts += ["dropout"] if written.mask is not None else []

    def backward(upstream: Array, a: Arrays) -> Mapping[str, Array]:
        return written.backward(mistake, upstream, a)

    return Specimen(
        subject=", ".join(parts),
        mistake=mistake.partition(",")[0],
        arrays=arrays,
        dy=dy,
        forward=written.forward,
        start=always(backward),
        variables=("x", "W1", "b1", "W2", "b2"),
    )


def _target(
    head: Head, layout: SampleLayout, outputs: int, generator: np.random.Generator
) -> Array:
    shape = layout.data(outputs)
    if head.name == "squares":
        return generator.normal(size=shape)
    if head.name.startswith("sigmoid"):
        return (generator.permutation(np.arange(np.prod(shape))) % 2.0).reshape(shape)
    without = np.moveaxis(np.zeros(shape), layout.unit, -1).shape[:-1]
    ids = generator.integers(0, outputs, size=without)
    return np.moveaxis(np.eye(outputs)[ids], -1, layout.unit)
