"""Which engine runs a training: NumPy, or the machine code of `compiled`; and why."""

import warnings
from collections.abc import Mapping
from ctypes import CDLL
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError, EngineWarning, KernelsError
from clearprop.compiled.building import build_ahead, library, notices, ready_library
from clearprop.compiled.lowering import Refusal
from clearprop.compiled.plan import Plan
from clearprop.engine.network import Network

ENGINES = ("auto", "numpy", "compiled")

# In seconds that a training takes in NumPy, by estimate. Below the first nobody sees a difference;
# from the second on the kernels are made while it runs, so that the next training has them; from
# the third on it waits for them, which costs it a tenth of its time and saves most of the rest.
WORTH = 0.05
WORTH_BUILDING = 1.0
WORTH_WAITING = 20.0

# A step that takes less in NumPy is not faster in machine code if its state is asked for after it:
# the call and the copy take as long.
WORTH_A_CALL = 1e-4

# What a step in NumPy takes: a fixed part, one for every node of the graph, and the arithmetic.
_STEP_SECONDS, _NODE_SECONDS, _FLOP_SECONDS = 3e-5, 1.2e-5, 1e-10


class EngineChoice(NamedTuple):
    """What runs a training: `name` is "numpy" or "compiled"; `message()` says why, as a sentence.

    key, values  of that sentence; a refusal's sentence is in `values`
    """

    name: str
    key: str
    values: Mapping[str, Any] = {}

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


def numpy_seconds(network: Network, *, samples: int, parameters: int, steps: int) -> float:
    """About how long so many steps take in NumPy, of one core. Nothing is measured: the same
    training is judged alike on every machine, and when it is gone on with.

    samples     in a step, with any axes between counted in
    parameters  of all networks
    """
    nodes = _NODE_SECONDS * len(network.graph.nodes)
    # A product forward and two back, two operations an entry.
    arithmetic = _FLOP_SECONDS * 6 * parameters * samples
    return steps * (_STEP_SECONDS + nodes + arithmetic)


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


def choose(engine: str, plan: Plan | Refusal, seconds: float) -> tuple[EngineChoice, CDLL | None]:
    """The engine for a training that takes `seconds` in NumPy, and its kernels where it is
    compiled.

    Where machine code was asked for and cannot be had, a warning says so, once for each reason.
    """
    is_asked = engine == "compiled"
    kernels: CDLL | None = None
    if isinstance(plan, Refusal):
        choice = EngineChoice("numpy", "refused", {"reason": plan})
    else:
        try:
            kernels = _kernels(plan.dtype, seconds, wait=is_asked or seconds >= WORTH_WAITING)
            if kernels is None:
                choice = EngineChoice("numpy", "not_ready")
            else:
                choice = EngineChoice("compiled", "asked_compiled" if is_asked else "pays")
        except KernelsError as problem:
            choice = EngineChoice("numpy", "refused", {"reason": problem})
    told: list[object] = [*notices()]
    if is_asked and kernels is None:
        told.append(choice.message())
    for sentence in told:
        warnings.warn(str(sentence), EngineWarning, stacklevel=4)
    return choice, kernels


def _kernels(dtype: str, seconds: float, *, wait: bool) -> CDLL | None:
    if wait:
        return library(dtype)
    found = ready_library(dtype)
    if found is None and seconds >= WORTH_BUILDING:
        build_ahead(dtype)
    return found
