"""Explaining one number of a 784-256-10 network over 1,000 samples, the pass not counted; drawing a
64-128-64-10 network, and the size of the files."""

import numpy as np

from benchmarks.measuring import Row, print_rows
from clearprop import SGD, Layer, Linear, Network, ReLU, Sequential, Tanh
from clearprop.bench.timing import cores, interleaved
from clearprop.drawing import DIAGRAMS, svg
from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation import explain_neuron, explain_sample, explain_weight

SAMPLES = 1000


WHOLE = ("network_forward", "forward_factors", "network_backward")


def measure() -> list[Row]:
    return [*_explaining(), *_drawing()]


def _step(inputs: int, layer: Layer) -> Step:
    network = Network(layer)
    generator = np.random.default_rng(0)
    x, target = generator.random((SAMPLES, inputs)), generator.random((SAMPLES, 10))
    return take_step(network, network.initialize(0), x, target, optimizer=SGD(0.01))


def _explaining() -> list[Row]:
    step = _step(784, Sequential(Linear(784, 256), ReLU(), Linear(256, 10)))
    with cores(1):
        seconds = interleaved(
            {
                "explain a weight": lambda: explain_weight(step, "layers[0].weight[300,7]"),
                "explain a neuron": lambda: explain_neuron(step, "layers[0][7]"),
                "explain a sample": lambda: explain_sample(step, 17),
                "explain a weight, in words": lambda: explain_weight(
                    step, "layers[0].weight[300,7]"
                ).text(),
                "explain a weight, as a picture": lambda: explain_weight(
                    step, "layers[0].weight[300,7]"
                ).svg(),
            },
            repeats=7,
        )
    return [Row(name, value, "s", at_most=0.3) for name, value in seconds.items()]


def _drawing() -> list[Row]:
    layers = (Linear(64, 128), ReLU(), Linear(128, 64), Tanh(), Linear(64, 10))
    step = _step(64, Sequential(*layers))

    def drawn(kind: str) -> str:
        return svg(DIAGRAMS[kind](step.backward), standalone=True)

    with cores(1):
        runs = {f"{kind} of 64-128-64-10": lambda kind=kind: drawn(kind) for kind in WHOLE}
        seconds = interleaved(runs, repeats=7)
    times = [Row(name, value, "s", at_most=0.5) for name, value in seconds.items()]
    sizes = [
        Row(f"{kind}, its file", len(drawn(kind).encode()) / 1e6, "MB", at_most=1.0)
        for kind in WHOLE
    ]
    return [*times, *sizes]


if __name__ == "__main__":
    print_rows(measure())
