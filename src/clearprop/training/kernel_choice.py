"""Whether a training that would gain by machine code has it: the plan, and the kernels."""

import warnings
from ctypes import CDLL

from clearprop.base.errors import EngineWarning, KernelsError
from clearprop.compiled.building import build_ahead, library, notices, ready_library
from clearprop.compiled.lowering import Refusal
from clearprop.compiled.plan import TrainingPlan
from clearprop.training.engine_choice import EngineChoice

# In seconds that a training takes in NumPy, by estimate. From the first on the kernels are made
# while it runs, so that the next training has them; from the second on it waits for them, which
# costs it a tenth of its time and saves most of the rest.
WORTH_BUILDING = 1.0
WORTH_WAITING = 20.0


def choose(
    engine: str, plan: TrainingPlan | Refusal, seconds: float
) -> tuple[EngineChoice, CDLL | None]:
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
                why = "asked_compiled" if is_asked else "pays"
                choice = EngineChoice("compiled", why, threads=plan.threads)
        except KernelsError as problem:
            choice = EngineChoice("numpy", "refused", {"reason": problem})
    told: list[KernelsError | EngineChoice] = [*notices()]
    if is_asked and kernels is None:
        told.append(choice)
    for one in told:
        warnings.warn(EngineWarning(one), stacklevel=4)
    return choice, kernels


def _kernels(dtype: str, seconds: float, *, wait: bool) -> CDLL | None:
    if wait:
        return library(dtype)
    found = ready_library(dtype)
    if found is None and seconds >= WORTH_BUILDING:
        build_ahead(dtype)
    return found
