"""Every layer of the catalog with its own right backward, and with that backward spoiled in the
ways that need no knowledge of the layer."""

from collections.abc import Callable, Iterator

import numpy as np

from clearprop.arrays import Array, shape_text
from clearprop.checking.gallery.specimen import Arrays, Code, Specimen
from clearprop.layers.catalog import EXAMPLES, Example
from clearprop.network import Network

DECAY = 0.02


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every example of the catalog, every way to spoil it, every point."""
    for kind, examples in EXAMPLES.items():
        for example in examples:
            network = Network(example.layer)
            subject = f"{kind.__name__} {shape_text(('N', *example.input_shape))}"
            for mistake in _applicable(network):
                for seed in seeds:
                    yield _specimen(subject, network, example, mistake, seed)


def _applicable(network: Network) -> list[str]:
    shapes = [slot.shape for slot in network.layout.slots.values()]
    mistakes = ["", "sign", "factor_two", "factor", "accumulated", "precision", "upstream_ignored"]
    if shapes:
        mistakes += ["mean_for_sum", "zeros"]
    if any(np.prod(shape) >= 3 for shape in shapes):
        mistakes += ["weight_decay", "one_entry"]
    if any(len(shape) == 2 and min(shape) > 1 for shape in shapes):
        mistakes.append("transposed")
    if any(len(shape) == 2 and shape[0] >= 3 and shape[1] >= 2 for shape in shapes):
        mistakes.append("one_row")
    return mistakes


def _specimen(
    subject: str, network: Network, example: Example, mistake: str, seed: int
) -> Specimen:
    arrays, dy = _point(network, example, seed)

    def forward(a: Arrays) -> Array:
        return network.forward(_flat(network, a), a["x"]).output

    def right(upstream: Array, a: Arrays) -> Arrays:
        passed = network.backward(network.forward(_flat(network, a), a["x"]), upstream)
        gradients = {path: array.copy() for path, array in passed.named().items()}
        if passed.input_gradient is not None:
            gradients["x"] = passed.input_gradient.copy()
        return gradients

    return Specimen(
        subject,
        mistake,
        arrays,
        dy,
        forward,
        lambda: _spoiled(mistake, right),
        layer=example.layer,
    )


def _spoiled(mistake: str, right: Code) -> Code:
    kept: dict[str, Array] = {}

    def accumulating(dy: Array, a: Arrays) -> Arrays:
        for name, gradient in right(dy, a).items():
            kept[name] = kept.get(name, 0) + gradient
        return dict(kept)

    def spoiled(dy: Array, a: Arrays) -> Arrays:
        if mistake == "upstream_ignored":
            return right(np.ones_like(dy), a)
        gradients = dict(right(dy, a))
        spoil = _SPOIL.get(mistake)
        if spoil is not None:
            spoil(gradients, a, len(dy))
        return gradients

    if mistake == "accumulated":
        # An earlier call has been made with the same arrays.
        def after_another(dy: Array, a: Arrays) -> Arrays:
            if not kept:
                accumulating(dy, a)
            return accumulating(dy, a)

        return after_another
    return spoiled


def _parameters(g: dict[str, Array]) -> list[str]:
    return [name for name in g if name != "x"]


def _sign(g: dict[str, Array], a: Arrays, n: int) -> None:
    for gradient in g.values():
        gradient *= -1


def _twice(g: dict[str, Array], a: Arrays, n: int) -> None:
    for gradient in g.values():
        gradient += gradient


def _other(g: dict[str, Array], a: Arrays, n: int) -> None:
    for gradient in g.values():
        gradient *= 0.3


def _low(g: dict[str, Array], a: Arrays, n: int) -> None:
    for name in g:
        g[name] = g[name].astype(np.float16).astype(np.float64)


def _mean(g: dict[str, Array], a: Arrays, n: int) -> None:
    for name in _parameters(g):
        g[name] /= n


def _zeros(g: dict[str, Array], a: Arrays, n: int) -> None:
    g[_parameters(g)[0]][...] = 0


def _decay(g: dict[str, Array], a: Arrays, n: int) -> None:
    for name in _parameters(g):
        if g[name].size >= 3:
            g[name] += DECAY * a[name]


def _entry(g: dict[str, Array], a: Arrays, n: int) -> None:
    name = max(_parameters(g), key=lambda name: g[name].size)
    g[name].flat[-1] += 0.1 * np.abs(g[name]).max()


def _transposed(g: dict[str, Array], a: Arrays, n: int) -> None:
    for name in _parameters(g):
        if g[name].ndim == 2 and min(g[name].shape) > 1:
            g[name] = g[name].T.copy()


def _row(g: dict[str, Array], a: Arrays, n: int) -> None:
    for name in _parameters(g):
        if g[name].ndim == 2 and g[name].shape[0] >= 3 and g[name].shape[1] >= 2:
            g[name][-1] = g[name][-1, ::-1].copy() + 0.1 * np.abs(g[name]).max()
            return


_SPOIL: dict[str, Callable[[dict[str, Array], Arrays, int], None]] = {
    "sign": _sign,
    "factor_two": _twice,
    "factor": _other,
    "precision": _low,
    "mean_for_sum": _mean,
    "zeros": _zeros,
    "weight_decay": _decay,
    "one_entry": _entry,
    "transposed": _transposed,
    "one_row": _row,
}


def _flat(network: Network, a: Arrays) -> Array:
    values = {path: a[path] for path in network.layout.slots}
    return network.replace(np.zeros(network.size), values)


def _point(network: Network, example: Example, seed: int) -> tuple[dict[str, Array], Array]:
    """Random parameters, input and dy; every number that meets a kink is away from it."""
    for attempt in range(1000):
        generator = np.random.default_rng([seed, attempt, 6])
        params = generator.normal(size=network.size)
        x = generator.normal(size=(5 + seed % 3, *example.input_shape))
        forward = network.forward(params, x)
        if all(np.abs(record.input).min() > 1e-3 for record in forward.records):
            break
    arrays = {"x": x, **{path: array.copy() for path, array in network.named(params).items()}}
    return arrays, generator.normal(size=forward.output.shape)
