"""Which engine runs a training: NumPy, or the machine code of `compiled`; and why.

What is settled here needs nothing of `compiled`, which is loaded where it may be of use.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.arrays import Shape
from clearprop.base.errors import ConfigurationError, ShapeError
from clearprop.engine.network import Network

ENGINES = ("auto", "numpy", "compiled")

# In seconds that a training takes in NumPy, by estimate: below it nobody sees a difference.
WORTH = 0.05

# A step that takes less in NumPy is not faster in machine code if its state is asked for after it:
# the call and the copy take as long.
WORTH_A_CALL = 1e-4

# What a step in NumPy takes: a fixed part, one for every node of the graph, and the arithmetic.
_STEP_SECONDS, _NODE_SECONDS, _FLOP_SECONDS = 3e-5, 1.2e-5, 1e-10


class EngineChoice(NamedTuple):
    """What runs a training: `name` is "numpy" or "compiled"; `message()` says why, as a sentence.

    key, values  of that sentence; a refusal's sentence is in `values`
    threads      how many, at most, share the steps of one network in machine code; no number
                 depends on it
    """

    name: str
    key: str
    values: Mapping[str, Any] = {}
    threads: int = 1

    def message(self, language: str = "en") -> str:
        """Why, in `language` ("en" or "zh-TW")."""
        values = {
            name: value.message(language) if hasattr(value, "message") else value
            for name, value in self.values.items()
        }
        return messages.text(language, f"training.{self.key}", **values)

    def __str__(self) -> str:
        return f"{self.name}: {self.message()}"


ASKED_NUMPY = EngineChoice("numpy", "asked_numpy")


def require_engine(engine: str) -> None:
    """Refuse an engine that there is not: ConfigurationError."""
    if engine not in ENGINES:
        raise ConfigurationError("engine_unknown", value=engine, known=", ".join(ENGINES))


def parameter_uses(network: Network, sample_shape: Shape) -> int:
    """How often a sample of this shape meets a parameter: each of them once at every place."""
    try:
        shapes = network.graph.shapes(sample_shape)
    except ShapeError:  # which the engine says better
        return network.size
    uses = 0
    for path, node in network.graph.nodes.items():
        shape = shapes[path] or ()
        places = shape[1:] if node.layer.images else shape[:-1]
        size = sum(slot.stop - slot.start for slot in node.parameters.values())
        uses += size * math.prod(places)
    return uses


def numpy_seconds(network: Network, *, uses: int, steps: int) -> float:
    """About how long so many steps take in NumPy, of one core. Nothing is measured: the same
    training is judged alike on every machine, and when it is gone on with.

    uses  how often a step uses a parameter, of all samples and networks
    """
    nodes = _NODE_SECONDS * len(network.graph.nodes)
    # A product forward and two back, two operations an entry.
    return steps * (_STEP_SECONDS + nodes + _FLOP_SECONDS * 6 * uses)


def without_a_plan(engine: str, seconds: float, call_seconds: float | None) -> EngineChoice | None:
    """NumPy, where there is no need to find out whether the training can be compiled.

    seconds, call_seconds  what the training takes in NumPy, and each step of it if a call of the
                           kernels takes no more than one
    """
    if engine == "numpy":
        return ASKED_NUMPY
    if engine == "auto" and seconds < WORTH:
        return EngineChoice("numpy", "short")
    if engine == "auto" and call_seconds is not None and call_seconds < WORTH_A_CALL:
        return EngineChoice("numpy", "short_steps")
    return None
