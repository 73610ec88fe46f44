"""One specimen of the gallery: a function and a backward as a person wrote it, at one point."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.checking.diagnosis import Evidence, diagnose
from clearprop.checking.diagnosis.evidence import UnderCheck
from clearprop.checking.verdict import LikelyMistake
from clearprop.checking.witnesses.finite_differences import central_differences
from clearprop.engine.layers.layer import Context, Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import BackwardPass, Network

# Two mistakes of one code are written with this between their keys.
AND = " & "

# The mistake of a code whose own is none that the diagnosis knows.
STRANGER = "(stranger)"

Arrays = Mapping[str, Array]
# A backward as a person writes it: ∂C/∂y and the arrays → the gradients by name.
Code = Callable[[Array, Arrays], Arrays]

# Central differences are off by about ε/h ≈ 4e-11 of what is added up, and by h² of the rest.
RELATIVE, ABSOLUTE = 1e-6, 1e-9


def always(code: Code) -> Callable[[], Code]:
    """The start of a backward that keeps nothing: it is the same every time."""
    return lambda: code


@dataclass(frozen=True, eq=False, kw_only=True)
class Specimen:
    """A forward and a backward in plain NumPy.

    subject    what is differentiated, as `2-3-1 ReLU`
    mistake    the key of the planted mistake; "" for a correct backward
    arrays     the point, by name; `dy` is ∂C/∂y there
    start      makes a fresh backward: a code that accumulates begins anew with it
    layer, network, loss   what of ours it should equal, if anything
    context    what `layer` or `checked` is run with
    variables  the arrays that are differentiated by; all floating ones unless told otherwise, of
               a loss the first
    checked    the network that is checked, where it is one
    redrawn    the names of the gradients that depend on what backward draws
    """

    subject: str
    mistake: str
    arrays: Arrays
    dy: Array
    forward: Callable[[Arrays], Array]
    start: Callable[[], Code]
    layer: Layer | None = None
    network: Network | None = None
    loss: Loss | None = None
    context: Context = field(default_factory=Context)
    variables: tuple[str, ...] | None = None
    checked: UnderCheck | None = None
    redrawn: frozenset[str] = frozenset()

    def alone(self) -> "Specimen":
        """The same with nothing of ours beside it: the diagnosis has to find out what it is."""
        subject = f"{self.subject} in plain NumPy"
        return replace(self, subject=subject, layer=None, network=None)

    def judged(self) -> tuple[bool, tuple[LikelyMistake, ...]]:
        """Whether it is rejected, and what is named."""
        evidence = self.evidence()
        rejected = is_wrong(evidence)
        return rejected, diagnose(evidence).mistakes if rejected else ()

    def evidence(self) -> Evidence:
        """The backward's gradients beside those by central differences."""
        backward = self.start()
        output = self.forward(self.arrays)
        expected, tolerances = self._witness(output)
        claimed = backward(self.dy, self.arrays)
        return Evidence(
            arrays=self.arrays,
            output=output,
            output_gradient=self.dy,
            claimed={name: claimed[name] for name in expected},
            expected=expected,
            tolerances=tolerances,
            run=lambda changed: self.forward({**self.arrays, **changed}),
            forward=lambda changed: self.forward({**self.arrays, **changed}),
            backward=lambda dy, changed: backward(dy, {**self.arrays, **changed}),
            layer=self.layer,
            reference=None if self.network is None else self._reference(self.network),
            checked=self.checked,
            loss=self.loss,
            context=self.context,
            redrawn=self.redrawn,
        )

    def _witness(self, output: Array) -> tuple[Arrays, Mapping[str, float]]:
        names = [name for name, array in self.arrays.items() if array.dtype.kind == "f"]
        if self.variables is not None:
            names = list(self.variables)
        elif self.loss is not None:
            names = names[:1]  # the target is not differentiated by
        sizes = [self.arrays[name].size for name in names]
        ends = np.cumsum(sizes)

        def split(flat: Array) -> dict[str, Array]:
            parts = np.split(flat, ends[:-1])
            shapes = [self.arrays[name].shape for name in names]
            return {
                name: part.reshape(shape)
                for name, part, shape in zip(names, parts, shapes, strict=True)
            }

        def value(flat: Array) -> float:
            return float(np.sum(self.dy * self.forward({**self.arrays, **split(flat)})))

        point = np.concatenate([self.arrays[name].ravel() for name in names])
        expected = split(central_differences(value, point).gradient)
        noise = ABSOLUTE * float(np.sum(np.abs(self.dy * output)))
        tolerances = {
            name: RELATIVE * float(np.max(np.abs(gradient), initial=0.0)) + noise
            for name, gradient in expected.items()
        }
        return expected, tolerances

    def _reference(self, network: Network) -> BackwardPass:
        values = {path: self.arrays[path] for path in network.layout.slots}
        params = network.replace(np.zeros(network.size), values)
        return network.backward(network.forward(params, self.arrays["x"]), self.dy)


def is_wrong(evidence: Evidence) -> bool:
    """Whether a claimed array has another shape than the expected, or is off by more than the
    tolerance."""
    for name, expected in evidence.expected.items():
        claimed = np.asarray(evidence.claimed[name])
        if claimed.size != expected.size:
            return True
        if claimed.ndim > 1 and claimed.shape != expected.shape:
            return True
        # Written so that a NaN is wrong.
        off = np.max(np.abs(claimed.reshape(expected.shape) - expected), initial=0.0)
        if not off <= evidence.tolerance(name):
            return True
    return False


class Written(NamedTuple):
    """A forward and its backwards: the right one under "", the wrong ones by their mistake."""

    name: str
    point: Callable[[np.random.Generator], dict[str, Array]]
    forward: Callable[[Arrays], Array]
    backwards: Mapping[str, Code]
    layer: Layer | None = None


def normal(**shapes: tuple[int, ...]) -> Callable[[np.random.Generator], dict[str, Array]]:
    """Arrays of these shapes drawn from a normal distribution."""
    return lambda generator: {
        name: 0.7 * generator.normal(size=shape) for name, shape in shapes.items()
    }


def written_specimen(written: Written, mistake: str, seed: int) -> Specimen:
    """A code with its mistake at a point of its own."""
    generator = np.random.default_rng([seed, 2])
    arrays = written.point(generator)
    return Specimen(
        subject=written.name,
        # What stands behind a comma tells two codes of one mistake apart.
        mistake=mistake.partition(",")[0],
        arrays=arrays,
        dy=generator.normal(size=written.forward(arrays).shape),
        forward=written.forward,
        start=always(written.backwards[mistake]),
    )


def squashed(gradients: Arrays) -> dict[str, Array]:
    """Every gradient with its large entries drawn together, whatever their size: as a training may
    do, and a gradient may not."""
    found = {}
    for name, one in gradients.items():
        largest = np.abs(one).max(initial=0.0) or 1.0
        found[name] = largest * np.tanh(2 * one / largest)
    return found


def with_mistakes(
    name: str,
    point: Callable[[np.random.Generator], dict[str, Array]],
    forward: Callable[[Arrays], Array],
    backward: Callable[[str, Array, Arrays], Arrays],
    *mistakes: str,
) -> Written:
    """A forward with its backwards: `backward(mistake, dy, arrays)`, of none and a stranger too."""

    def code(mistake: str) -> Code:
        return lambda dy, a: backward(mistake, dy, a)

    every = {one: code(one) for one in ("", *mistakes, STRANGER)}
    return Written(name, point, forward, every)


# A backward with the mistake of that name in it, "" for none: (mistake, ∂C/∂y, arrays) → gradients.
ImageBackward = Callable[[str, Array, Arrays], dict[str, Array]]


class ImageForm(NamedTuple):
    """A forward of images with its backward, the shapes of its arrays, and what can go wrong in it;
    what stands behind a comma tells two codes of one mistake apart."""

    name: str
    shapes: Mapping[str, Shape]
    forward: Callable[[Arrays], Array]
    backward: ImageBackward
    mistakes: tuple[str, ...]
