"""Why a weight has this gradient: the chain rule with its actual numbers, as data and as words.

step = take_step(network, params, x, target, optimizer=SGD(0.01))
print(explain_weight(step, "layers[0].weight[0,3]"))
"""

from clearprop.engine.step import Step, Update, take_step
from clearprop.reading.explanation.explaining_gradients import explain_input, explain_weight
from clearprop.reading.explanation.explaining_inside import explain_inside
from clearprop.reading.explanation.explaining_neurons import explain_neuron
from clearprop.reading.explanation.explaining_samples import explain_sample
from clearprop.reading.explanation.gradient_explanation import GradientExplanation, GradientKind
from clearprop.reading.explanation.inner_explanation import InnerExplanation
from clearprop.reading.explanation.neuron_explanation import NeuronExplanation, NeuronInput
from clearprop.reading.explanation.sample_explanation import Pull, SampleExplanation, SampleOutput
from clearprop.reading.explanation.sample_shares import FactorPair, SampleShare
from clearprop.reading.explanation.signals import LossDerivative, Signal, Slope, Term, WayKind
from clearprop.reading.explanation.witness import HowMoved, Testimony, Witness
from clearprop.reading.largest_terms import Rest

__all__ = [
    "FactorPair",
    "GradientExplanation",
    "GradientKind",
    "HowMoved",
    "InnerExplanation",
    "LossDerivative",
    "NeuronExplanation",
    "NeuronInput",
    "Pull",
    "Rest",
    "SampleExplanation",
    "SampleOutput",
    "SampleShare",
    "Signal",
    "Slope",
    "Step",
    "Term",
    "Testimony",
    "Update",
    "WayKind",
    "Witness",
    "explain_input",
    "explain_inside",
    "explain_neuron",
    "explain_sample",
    "explain_weight",
    "take_step",
]
