"""The network of an exercise as a Python file: its forward pass, and a backward pass to fill in.

    backward(dy, x, W1, b1, W2, b2, …) → dx, dW1, db1, dW2, db2, …

    dz = dy ⊙ f'(z)     dW = aᵀ·dz     db = Σₙ dz     da = dz·Wᵀ

where a is the layer's input. x is (N, in), a weight (in, out), a bias (out,), dy (N, out). A
network of other layers brings its program in its `design`, with arrays of its own.
"""

from collections.abc import Iterator

from clearprop.base import messages
from clearprop.teaching.exercises.designs.design_table import DESIGNS
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.layer_points import with_further_samples
from clearprop.teaching.exercises.points import with_more_samples
from clearprop.teaching.exercises.sheet import Exercise
from clearprop.teaching.exercises.small_network import Rows, SmallNetwork

# The topics whose sheet has a whole network behind it; ReLU, softmax and no activation stand in
# them.
TOPICS_WITH_CODE = ("chain", "step", "softmax", "batch", *DESIGNS)

say = messages.within("exercises.program")


def unfilled(sheet: Exercise, language: str) -> bytes:
    """The file to fill in, `backward.py`; what it says is in the language."""
    network = sheet.network
    names = _arrays(network)
    lines = [
        f'"""{say(language, "title", variant=sheet.variant)}',
        "",
        *_shapes_told(network, language),
        "",
        f"    {say(language, 'gradients', returned=', '.join(_gradients(network)))}",
        "",
        *_softmax_told(network, language),
        say(language, "check"),
        "",
        "    clearprop check backward.py:backward",
        '"""',
        "",
        "import numpy as np",
        "",
        *(f"# {line}" for line in say(language, f"samples.{_rows_told(network)}").splitlines()),
        *_sample_texts(network),
        "inputs = {",
        *(f'    "{name}": {value},' for name, value in _values(network)),
        "}",
        "",
        "",
        f"def forward({', '.join(names)}):",
        *(f"    {line}" for line in _forward(network)),
        "    return y",
        "",
        "",
        f"def backward(dy, {', '.join(names)}):",
        f'    """{say(language, "backward")}"""',
        "    raise NotImplementedError",
        "",
    ]
    return "\n".join(lines).encode()


def solution(sheet: Exercise) -> str:
    """A right `backward` for the same file, as the answer key shows it."""
    network = sheet.network
    statements = [*_kept(network), *_backward(network)]
    return "\n".join(
        [
            f"def backward(dy, {', '.join(_arrays(network))}):",
            *(f"    {line}" for line in statements),
            f"    return {', '.join(_gradients(network))}",
            "",
        ]
    )


def _kept(network: SmallNetwork | LayerNetwork) -> list[str]:
    """The lines of forward that backward needs: the output itself where softmax is."""
    forward = _forward(network)
    is_softmax = isinstance(network, SmallNetwork) and network.activations[-1] == "softmax"
    return forward if is_softmax else forward[:-1]


def _softmax_told(network: SmallNetwork | LayerNetwork, language: str) -> list[str]:
    if isinstance(network, SmallNetwork) and network.activations[-1] == "softmax":
        return [say(language, "softmax"), ""]
    return []


def _shapes_told(network: SmallNetwork | LayerNetwork, language: str) -> list[str]:
    if isinstance(network, SmallNetwork):
        return [say(language, "shapes")]
    design, values = network.design, network.values
    return [
        say(language, "shapes_of"),
        "",
        *(
            f"    {name} {_shape_text(array.shape, sampled=name in design.program.samples)}"
            for name, array in design.arrays(values).items()
        ),
    ]


def _shape_text(shape: tuple[int, ...], *, sampled: bool) -> str:
    sizes = ["N", *map(str, shape[1:])] if sampled else list(map(str, shape))
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _rows_told(network: SmallNetwork | LayerNetwork) -> str:
    """The key of what is said of the samples."""
    if isinstance(network, LayerNetwork):
        return f"layers_{network.topic}"
    if "relu" not in network.activations:
        return "smooth"
    return "one" if network.samples == 1 else "many"


def _arrays(network: SmallNetwork | LayerNetwork) -> list[str]:
    if isinstance(network, LayerNetwork):
        return list(network.design.program.arrays)
    return ["x", *(letter + number for number in network.layer_names for letter in ("W", "b"))]


def _gradients(network: SmallNetwork | LayerNetwork) -> list[str]:
    return [f"d{name}" for name in _arrays(network)]


def _values(network: SmallNetwork | LayerNetwork) -> Iterator[tuple[str, str]]:
    if isinstance(network, LayerNetwork):
        for name, array in with_further_samples(network).items():
            if name in network.design.program.samples:
                yield name, f"np.array({name}.split(), dtype=float).reshape{array.shape}"
            else:
                yield name, f"np.array({array.tolist()})"
        return
    points = with_more_samples(network)
    yield "x", _rows(points.x)
    for number, weight, bias in zip(
        network.layer_names, network.weights, network.biases, strict=True
    ):
        yield f"W{number}", _rows(weight)
        yield f"b{number}", f"np.array({list(bias)})"


def _rows(rows: Rows) -> str:
    return f"np.array({[list(row) for row in rows]})"


def _sample_texts(network: SmallNetwork | LayerNetwork) -> Iterator[str]:
    """The samples as texts in which rows stand below one another, as a reader sees an image; an
    array of many of them in brackets is none that is read."""
    if not isinstance(network, LayerNetwork):
        return
    for name, array in with_further_samples(network).items():
        if name in network.design.program.samples:
            blocks = array.reshape(len(array), -1, array.shape[-1])
            if array.shape[-1] == 1:
                blocks = array.reshape(1, len(array), -1)
            yield f'{name} = """'
            yield "\n\n".join(
                "\n".join(" ".join(f"{value:g}" for value in row) for row in block)
                for block in blocks.tolist()
            )
            yield '"""'


def _sources(network: SmallNetwork) -> list[str]:
    """What every layer takes: x, or the a of the layer before."""
    return ["x", *(f"a{number}" for number in network.layer_names[:-1])]


def _forward(network: SmallNetwork | LayerNetwork) -> list[str]:
    if isinstance(network, LayerNetwork):
        return list(network.design.program.forward)
    lines: list[str] = []
    numbers, sources = network.layer_names, _sources(network)
    for number, source in zip(numbers[:-1], sources, strict=False):
        lines.append(f"z{number} = {source} @ W{number} + b{number}")
        lines.append(f"a{number} = np.maximum(z{number}, 0)")
    last = numbers[-1]
    if network.activations[-1] == "softmax":
        lines.append(f"z{last} = {sources[-1]} @ W{last} + b{last}")
        lines.append(f"powers = np.exp(z{last} - z{last}.max(axis=1, keepdims=True))")
        lines.append("y = powers / powers.sum(axis=1, keepdims=True)")
    else:
        lines.append(f"y = {sources[-1]} @ W{last} + b{last}")
    return lines


def _backward(network: SmallNetwork | LayerNetwork) -> list[str]:
    if isinstance(network, LayerNetwork):
        return list(network.design.program.backward)
    lines: list[str] = []
    signal = "dy"
    if network.activations[-1] == "softmax":
        signal = f"dz{network.layer_names[-1]}"
        lines.append(f"{signal} = y * (dy - (dy * y).sum(axis=1, keepdims=True))")
    layers = list(zip(network.layer_names, _sources(network), strict=True))
    for place, (number, source) in reversed(list(enumerate(layers))):
        lines.append(f"dW{number} = {source}.T @ {signal}")
        lines.append(f"db{number} = {signal}.sum(axis=0)")
        lines.append(f"d{source} = {signal} @ W{number}.T")
        if place:
            before = layers[place - 1][0]
            lines.append(f"dz{before} = d{source} * (z{before} > 0)")
            signal = f"dz{before}"
    return lines
