"""Why a weight has this gradient: the chain rule with its actual numbers, as data and as words.

step = take_step(network, params, x, target, optimizer=SGD(0.01))
print(explain_weight(step, "layers[0].weight[0,3]"))
"""

from clearprop.explanation.gradients import (
    GradientExplanation,
    Update,
    explain_input,
    explain_weight,
)
from clearprop.explanation.neurons import Input, NeuronExplanation, explain_neuron
from clearprop.explanation.samples import Output, Pull, SampleExplanation, explain_sample
from clearprop.explanation.shares import Product, SampleShare
from clearprop.explanation.signals import LossDerivative, Rest, Signal, Slope, Term
from clearprop.explanation.step import Step, take_step
from clearprop.explanation.witness import Witness

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
