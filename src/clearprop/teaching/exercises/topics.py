"""The table of the topics. Of those whose network is made of linear layers: what network each level
has, and which of its numbers are asked for; those of other layers have their `designs`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from clearprop.teaching.exercises.designs.design_table import DESIGNS
from clearprop.teaching.exercises.layer_bugs import LAYER_BUGS
from clearprop.teaching.exercises.quantities import NetworkShape, QuantityKind

LEVELS = (1, 2, 3)


@dataclass(frozen=True)
class Plan:
    """One level of one topic.

    asked      the kinds of numbers that are blanks
    dead       how many hidden neurons lie on ReLU's zero side, each sample by itself: without one,
               a backward pass that forgets ReLU's derivative would look right. Of them z, a and
               ∂C/∂z are asked for; everything else about them is 0
    negatives  how many of the given numbers are below 0, the same in every variant
    """

    shape: NetworkShape
    asked: frozenset[QuantityKind]
    negatives: int
    dead: int = 0


def _plan(
    widths: tuple[int, ...],
    activations: tuple[str, ...],
    asked: str,
    negatives: int,
    *,
    samples: int = 1,
    target: bool = True,
    dead: int = 0,
) -> Plan:
    shape = NetworkShape(widths, activations, samples, target)
    kinds = frozenset(kind for kind in get_args(QuantityKind) if kind in asked.split())
    return Plan(shape, kinds, negatives, dead)


DENSE_TOPICS: Mapping[str, tuple[Plan, Plan, Plan]] = MappingProxyType(
    {
        "neuron": (
            _plan((2, 1), ("relu",), "product z a", 1, target=False),
            _plan((3, 1), ("sigmoid",), "product z a slope", 2, target=False),
            _plan((2, 1), ("sigmoid",), "z y C dy slope dz dw db", 2),
        ),
        "linear": (
            _plan((2, 2), ("",), "z dw", 2, target=False),
            _plan((2, 1), ("",), "z dw db dx", 2, samples=2, target=False),
            _plan((2, 2), ("",), "z dw db dx", 3, samples=2, target=False),
        ),
        "activation": (
            _plan((1, 1), ("sigmoid",), "z a slope dz", 1, target=False),
            _plan((1, 2), ("tanh",), "z a slope dz", 2, target=False),
            _plan((1, 2, 1), ("tanh", ""), "z a slope da dz", 2, target=False),
        ),
        "loss": (
            _plan((1, 1), ("",), "y error C dy", 1),
            _plan((1, 1), ("",), "y error C dy", 2, samples=2),
            _plan((1, 1), ("",), "y C dy dw db", 3, samples=4),
        ),
        "chain": (
            _plan((1, 2, 1), ("relu", ""), "z a y C dy dz dw", 2, dead=1),
            _plan((2, 3, 1), ("relu", ""), "z a y dy dz dw", 4, dead=1),
            _plan((2, 2, 2), ("relu", ""), "z a y dy dz dw", 4, dead=1),
        ),
        "step": (
            _plan((2, 1), ("",), "y C dy dw db new_w new_b", 1),
            _plan((1, 2, 1), ("relu", ""), "z a y dy dz dw new_w", 2, dead=1),
            _plan((2, 2, 1), ("relu", ""), "z a y C dy dz dw db new_w new_b", 3, dead=1),
        ),
        "softmax": (
            _plan((1, 3), ("softmax",), "z S p dz", 2),
            _plan((2, 3), ("softmax",), "z S p C dz dw db", 3),
            _plan((2, 2, 2), ("relu", "softmax"), "z a S p C dz dw", 4, dead=1),
        ),
        "batch": (
            _plan((1, 1, 1), ("relu", ""), "z a y dy dz dw", 2, samples=2, dead=1),
            _plan((1, 1, 1), ("relu", ""), "z a y C dy dz dw db new_w", 2, samples=3, dead=1),
            _plan((1, 2, 1), ("relu", ""), "z a y dy dz dw db new_w", 3, samples=2, dead=1),
        ),
        # The numbers that the search makes pleasant; what is asked is said in `bugs`.
        "bug": (
            _plan((2, 1), ("",), "y dy dw dx", 1),
            _plan((2, 2, 1), ("relu", ""), "z a y dy dz dw dx", 2, dead=1),
            _plan((2, 2, 2), ("relu", ""), "z a y dy dz dw dx", 4, dead=1),
        ),
        "slip": (
            _plan((1, 2, 1), ("relu", ""), "z a y dy", 2, dead=1),
            _plan((2, 2, 1), ("relu", ""), "z a y dy", 3, dead=1),
            _plan((2, 2, 2), ("relu", ""), "z a y dy", 4, dead=1),
        ),
    }
)

# By their names, in the order in which they are listed.
TOPICS = (*DENSE_TOPICS, *DESIGNS, *LAYER_BUGS)
