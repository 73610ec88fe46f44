"""The network of an exercise as a Python file: its forward pass, and a backward pass to fill in.

    backward(dy, x, W1, b1, W2, b2, …) → dx, dW1, db1, dW2, db2, …

    dz = dy ⊙ f'(z)     dW = aᵀ·dz     db = Σₙ dz     da = dz·Wᵀ

where a is the layer's input. x is (N, in), a weight (in, out), a bias (out,), dy (N, out).
"""

from collections.abc import Iterator

from clearprop.base import messages
from clearprop.teaching.exercises.points import with_more_samples
from clearprop.teaching.exercises.sheet import Exercise
from clearprop.teaching.exercises.small_network import Rows, SmallNetwork

# The topics whose sheet has a whole network behind it; ReLU, softmax and no activation stand in
# them.
TOPICS_WITH_CODE = ("chain", "step", "softmax", "batch")

say = messages.within("exercises.program")


def unfilled(sheet: Exercise, language: str) -> bytes:
    """The file to fill in, `backward.py`; what it says is in the language."""
    network = sheet.network
    names = ", ".join(_arrays(network))
    points = with_more_samples(network)
    softmax = network.activations[-1] == "softmax"
    lines = [
        f'"""{say(language, "title", variant=sheet.variant)}',
        "",
        say(language, "shapes"),
        "",
        f"    {say(language, 'gradients', returned=', '.join(_gradients(network)))}",
        "",
        *([say(language, "softmax"), ""] if softmax else []),
        say(language, "check"),
        "",
        "    clearprop check backward.py:backward",
        '"""',
        "",
        "import numpy as np",
        "",
        *(f"# {line}" for line in say(language, f"samples.{_rows_told(network)}").splitlines()),
        "inputs = {",
        *(f'    "{name}": np.array({value}),' for name, value in _values(points)),
        "}",
        "",
        "",
        f"def forward({names}):",
        *(f"    {line}" for line in _forward(network)),
        "    return y",
        "",
        "",
        f"def backward(dy, {names}):",
        f'    """{say(language, "backward")}"""',
        "    raise NotImplementedError",
        "",
    ]
    return "\n".join(lines).encode()


def solution(sheet: Exercise) -> str:
    """A right `backward` for the same file, as the answer key shows it."""
    network = sheet.network
    forward = _forward(network)
    # The output itself is needed where softmax is.
    kept = forward if network.activations[-1] == "softmax" else forward[:-1]
    statements = [*kept, *_backward(network)]
    return "\n".join(
        [
            f"def backward(dy, {', '.join(_arrays(network))}):",
            *(f"    {line}" for line in statements),
            f"    return {', '.join(_gradients(network))}",
            "",
        ]
    )


def _rows_told(network: SmallNetwork) -> str:
    """The key of what is said of the rows of x."""
    if "relu" not in network.activations:
        return "smooth"
    return "one" if network.samples == 1 else "many"


def _arrays(network: SmallNetwork) -> list[str]:
    return ["x", *(letter + number for number in network.layer_names for letter in ("W", "b"))]


def _gradients(network: SmallNetwork) -> list[str]:
    return [f"d{name}" for name in _arrays(network)]


def _values(network: SmallNetwork) -> Iterator[tuple[str, str]]:
    yield "x", _rows(network.x)
    for number, weight, bias in zip(
        network.layer_names, network.weights, network.biases, strict=True
    ):
        yield f"W{number}", _rows(weight)
        yield f"b{number}", str(list(bias))


def _rows(rows: Rows) -> str:
    return str([list(row) for row in rows])


def _sources(network: SmallNetwork) -> list[str]:
    """What every layer takes: x, or the a of the layer before."""
    return ["x", *(f"a{number}" for number in network.layer_names[:-1])]


def _forward(network: SmallNetwork) -> list[str]:
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


def _backward(network: SmallNetwork) -> list[str]:
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
