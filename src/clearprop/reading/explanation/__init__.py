"""Why a weight has this gradient: the chain rule with its actual numbers, as data and as words.

step = take_step(network, params, x, target, optimizer=SGD(0.01))
print(explain_weight(step, "layers[0].weight[0,3]"))
"""

from clearprop.engine.step import Step, take_step
from clearprop.reading.explanation.gradients import (
    GradientExplanation,
    Update,
    explain_input,
    explain_weight,
)
from clearprop.reading.explanation.neurons import Input, NeuronExplanation, explain_neuron
from clearprop.reading.explanation.samples import Output, Pull, SampleExplanation, explain_sample
from clearprop.reading.explanation.shares import Product, SampleShare
from clearprop.reading.explanation.signals import LossDerivative, Rest, Signal, Slope, Term
from clearprop.reading.explanation.witness import Witness

__all__ = [
    "GradientExplanation",
    "Input",
    "LossDerivative",
    "NeuronExplanation",
    "Output",
    "Product",
    "Pull",
    "Rest",
    "SampleExplanation",
    "SampleShare",
    "Signal",
    "Slope",
    "Step",
    "Term",
    "Update",
    "Witness",
    "explain_input",
    "explain_neuron",
    "explain_sample",
    "explain_weight",
    "take_step",
]
