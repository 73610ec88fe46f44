"""Every layer of the catalogue with its own right backward, and with that backward spoiled in the
ways that need no knowledge of the layer."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from clearprop.base.arrays import EMPTY, Array, shape_text
from clearprop.checking.gallery.specimen import Arrays, Code, Specimen
from clearprop.engine.layers.activations import Activation, Identity
from clearprop.engine.layers.layer import Context, Layer
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.engine.network import ForwardPass, Network
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.kinds.row import LayerExample

DECAY = 0.02


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every example of the catalogue, every way to spoil it, every point."""
    for kind, examples in LAYER_EXAMPLES.items():
        for example in examples:
            network = Network(example.layer)
            subject = f"{kind.__name__} {shape_text(('N', *example.input_shape))}"
            for mistake in applicable(network, example):
                for seed in seeds:
                    yield _specimen(subject, network, example, mistake, seed)


def applicable(network: Network, example: LayerExample) -> list[str]:
    """The mistakes that can be made in one layer, and "" for none."""
    arrays, _ = point(network, example, 0)
    passed = _passed(network, example, _flat(network, arrays), arrays["x"])
    if not np.any(passed.output):
        # Everything dropped: all that backward can return is zeros.
        return [""]
    shapes = [slot.shape for slot in network.layout.slots.values()]
    mistakes = ["", "sign", "factor_two", "factor", "accumulated", "precision"]
    of_ones = network.backward(passed, np.ones_like(passed.output))
    # Of ones a norm without parameters gives back nothing, as one does that returns zeros.
    if np.any(of_ones.gradient) or np.any(of_ones.input_gradient):
        mistakes.append("upstream_ignored")
    layer = example.layer
    if isinstance(layer, Activation) and not isinstance(layer, Identity):
        mistakes += ["derivative_missing", "value_for_derivative"]
    if shapes:
        mistakes += ["mean_for_sum", "zeros"]
    if any(np.prod(shape) >= 3 for shape in shapes):
        mistakes += ["weight_decay", "one_entry"]
    if any(len(shape) == 2 and min(shape) > 1 for shape in shapes):
        mistakes.append("transposed")
    if any(len(shape) == 2 and shape[0] >= 3 and shape[1] >= 2 for shape in shapes):
        mistakes.append("one_row")
    return mistakes


def _starts(layer: Layer, samples: int) -> Mapping[str, Array]:
    """States for a cell to start from: at a start of 0 its weights for the state show nothing."""
    if not isinstance(layer, RecurrentCell):
        return EMPTY
    generator = np.random.default_rng([samples, 7])
    return {name: generator.normal(size=(samples, layer.hidden)) for name in layer.states}


def _passed(network: Network, example: LayerExample, params: Array, x: Array) -> ForwardPass:
    state, beside = network.initial_state(params), _starts(example.layer, len(x))
    return network.forward(params, x, training=example.training, state=state, side_inputs=beside)


def _specimen(
    subject: str, network: Network, example: LayerExample, mistake: str, seed: int
) -> Specimen:
    arrays, dy = point(network, example, seed)

    def passed(a: Arrays) -> ForwardPass:
        return _passed(network, example, _flat(network, a), a["x"])

    def right(upstream: Array, a: Arrays) -> Arrays:
        backward = network.backward(passed(a), upstream)
        gradients = {path: array.copy() for path, array in backward.named().items()}
        if backward.input_gradient is not None:
            gradients["x"] = backward.input_gradient.copy()
        return gradients

    return Specimen(
        subject=subject,
        mistake=mistake,
        arrays=arrays,
        dy=dy,
        forward=lambda a: passed(a).output,
        start=lambda: _spoiled(mistake, right, lambda a: passed(a).output),
        layer=example.layer,
        context=Context(
            training=example.training, side_inputs=_starts(example.layer, len(arrays["x"]))
        ),
    )


def _spoiled(mistake: str, right: Code, forward: Callable[[Arrays], Array]) -> Code:
    kept: dict[str, Array] = {}

    def accumulating(dy: Array, a: Arrays) -> Arrays:
        for name, gradient in right(dy, a).items():
            kept[name] = kept.get(name, 0) + gradient
        return dict(kept)

    def spoiled(dy: Array, a: Arrays) -> Arrays:
        if mistake == "upstream_ignored":
            return right(np.ones_like(dy), a)
        if mistake == "derivative_missing":
            return {"x": dy.copy()}
        if mistake == "value_for_derivative":
            return {"x": dy * forward(a)}
        gradients = dict(right(dy, a))
        spoil = SPOIL.get(mistake)
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


SPOIL: dict[str, Callable[[dict[str, Array], Arrays, int], None]] = {
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


def point(network: Network, example: LayerExample, seed: int) -> tuple[dict[str, Array], Array]:
    """Random parameters, input and dy; every number that meets a kink is away from it."""
    for attempt in range(1000):
        generator = np.random.default_rng([seed, attempt, 6])
        params = generator.normal(size=network.size)
        shape = (5 + seed % 3, *example.input_shape)
        x: Array = generator.normal(size=shape)
        if example.ids is not None:
            x = generator.integers(0, example.ids, size=shape)
        forward = _passed(network, example, params, x)
        if not _near_a_kink(forward):
            break
    arrays = {"x": x, **{path: array.copy() for path, array in network.named(params).items()}}
    return arrays, generator.normal(size=forward.output.shape)


def _near_a_kink(forward: ForwardPass) -> bool:
    return any(
        np.abs(record.input - kink).min() < 1e-3
        for record in forward.records
        for kink in record.layer.kinks()
    )
