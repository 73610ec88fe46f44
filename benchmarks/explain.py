"""Explaining one number of a 784-256-10 network over 1,000 samples, the pass not counted."""

import numpy as np

from benchmarks.measuring import Row, cores, interleaved, print_rows
from clearprop import SGD, Linear, Network, ReLU, Sequential
from clearprop.explanation import explain_neuron, explain_sample, explain_weight, take_step

SAMPLES = 1000


def measure() -> list[Row]:
    network = Network(Sequential(Linear(784, 256), ReLU(), Linear(256, 10)))
    generator = np.random.default_rng(0)
    x, target = generator.random((SAMPLES, 784)), generator.random((SAMPLES, 10))
    step = take_step(network, network.initialize(0), x, target, optimizer=SGD(0.01))
    with cores(1):
        seconds = interleaved(
            {
                "explain a weight": lambda: explain_weight(step, "layers[0].weight[300,7]"),
                "explain a neuron": lambda: explain_neuron(step, "layers[0][7]"),
                "explain a sample": lambda: explain_sample(step, 17),
                "explain a weight, in words": lambda: explain_weight(
                    step, "layers[0].weight[300,7]"
                ).text(),
            },
            repeats=7,
        )
    return [Row(name, value, "s", at_most=0.3) for name, value in seconds.items()]


if __name__ == "__main__":
    print_rows(measure())
