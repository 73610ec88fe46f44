"""Which name in a file belongs to which: the backward beside a forward, the arrays to check at.

relu_forward, relu_backward     relu, relu_backward     relu, backward_relu     relu, relu_bwd
f, grad_f      f, f_grad      sigmoid, sigmoid_prime      tanh, d_tanh      forward, backward
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any

from clearprop.base.errors import ConfigurationError
from clearprop.checking.subjects.plain_functions import function_name
from clearprop.checking.subjects.structures import as_numbers, is_container, is_object
from clearprop.checking.subjects.written_names import (
    is_cache,
    is_upstream,
    positional,
    returned_names,
)

# Of {} the forward's name, of [] the same without its "forward".
FORWARD_WORDS = ("forward", "fwd", "feedforward", "propagate", "predict", "loss_fn", "cost")
BACKWARD_NAMES = (
    "{}_backward",
    "{}_bwd",
    "{}_backprop",
    "{}_grad",
    "{}_gradient",
    "{}_gradients",
    "{}_prime",
    "{}_derivative",
    "{}_deriv",
    "{}_vjp",
    "{}_der",
    "{}_backwards",
    "backward_{}",
    "backprop_{}",
    "bwd_{}",
    "d_{}",
    "d{}",
    "grad_{}",
    "gradient_{}",
    "gradient_of_{}",
    "deriv_{}",
    "derivative_{}",
    "{}Backward",
    "{}Grad",
    "{}Prime",
    "{}Derivative",
)
# Words of a forward's name that its backward's name has others in place of.
EXCHANGED = (
    ("forward", "backward"),
    ("forward", "backprop"),
    ("forward", "back"),
    ("forward", "gradients"),
    ("forward", "grad"),
    ("fwd", "bwd"),
    ("fprop", "bprop"),
    ("forward_pass", "backward_pass"),
    ("forward_propagation", "backward_propagation"),
    ("forward_propagation", "back_propagation"),
    ("forward_prop", "backward_prop"),
    ("forward_prop", "back_prop"),
    ("feedforward", "backprop"),
    ("feed_forward", "backprop"),
    ("feed_forward", "back_propagation"),
    ("Forward", "Backward"),
    ("predict", "backprop"),
)
GENERAL = ("f", "func", "fun", "function", "objective", "forward", "model", "hypothesis")
ALONE = ("grad", "gradient", "gradients", "backward", "backprop", "jac", "df", "fprime", "gradf",
         "compute_gradient", "compute_gradients", "compute_grad", "compute_grads", "get_gradient",
         "gradient_function", "calculate_gradient")  # fmt: skip


def backward_beside(module: Any, name: str) -> str | None:
    """The name of the backward of the forward `name`, in a module or an object; None where there
    is none."""
    forward = getattr(module, name, None)
    for one in _backward_names(name):
        sure = one not in ALONE or "forward" in name
        if _is_there(module, one) and (sure or _belongs(forward, getattr(module, one))):
            return one
    return None


def _belongs(forward: Any, backward: Any) -> bool:
    """Whether a backward of a general name takes nothing that this forward does not know."""
    known = {one.name for one in positional(forward) or ()}
    return all(
        one in known or is_upstream(one) or is_cache(one) for one in _required(backward)
    ) or len(_required(backward)) == len(_required(forward))


def forward_beside(module: ModuleType, name: str) -> str | None:
    """The name of the forward that the backward `name` belongs to; None where it is none."""
    for own, function in vars(module).items():
        if own != name and not own.startswith("_") and callable(function):
            sure = [one for one in _backward_names(own) if one not in ALONE or own == "forward"]
            if name in sure and backward_beside(module, own) == name:
                return own
    return None


def expected_backward(name: str) -> str:
    """What the backward of `name` would be called."""
    return next(iter(_backward_names(name)))


def _backward_names(name: str) -> Iterator[str]:
    for ahead, behind in EXCHANGED:
        if ahead in name:
            yield name.replace(ahead, behind)
    for pattern in BACKWARD_NAMES:
        yield pattern.format(name)
    for word in FORWARD_WORDS:
        stem = name.removesuffix(f"_{word}")
        if stem != name:
            yield from (pattern.format(stem) for pattern in BACKWARD_NAMES)
    if name in GENERAL or any(word in name.lower() for word in ("loss", "cost")):
        yield from ALONE


def _is_there(module: Any, name: str) -> bool:
    return callable(getattr(module, name, None))


def inputs_beside(
    module: ModuleType, names: Sequence[str], function: Any
) -> tuple[Any, ...] | None:
    """The values to check a function at: `<name>_inputs`, `inputs`, or what the module calls as
    the function calls its arguments; None where there are none."""
    for wanted in (*(f"{name}_inputs" for name in names), "inputs"):
        found = getattr(module, wanted, None)
        if found is not None and not callable(found):
            return _arranged(found, function)
    parameters = _required(function)
    if not parameters and inspect.ismethod(function):
        return ()
    own = vars(module)
    if parameters and all(_is_value(own.get(one)) for one in parameters):
        return tuple(own[one] for one in parameters)
    return None


def beside_for_backward(
    module: ModuleType, forward: Any, backward: Any, count: int
) -> tuple[Any, ...]:
    """What only a backward takes, as the labels of a loss that stands nowhere, where the module has
    it by that name, and forward was handed `count` values, which are all that it takes."""
    known = {*_required(forward), *returned_names(forward)}
    if count != len(_required(forward)):
        return ()
    wanted = [one for one in _required(backward) if one not in known and not is_cache(one)]
    own = vars(module)
    return tuple(own[one] for one in wanted if one in own and _is_value(own[one]))


def _is_value(value: Any) -> bool:
    return not isinstance(value, ModuleType | FunctionType | type) and (
        as_numbers(value) is not None
        or isinstance(value, str)
        or is_container(value)
        or is_object(value)
    )


def _required(function: Any) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in parameters if one.kind in kinds and one.default is one.empty]


def _arranged(found: Any, function: Any) -> tuple[Any, ...]:
    """Inputs as the function takes them: a tuple or a list of them, one by name, or one array."""
    names = _required(function)
    if isinstance(found, Mapping):
        if names and set(names) <= set(found):
            more = [key for key in found if key not in names]
            return tuple(found[name] for name in (*names, *more))
        if len(names) == 1 and names[0] not in found and "inputs" not in names:
            return tuple(found.values()) if len(found) == 1 else (dict(found),)
        return tuple(found.values())
    if isinstance(found, tuple):
        return found
    if isinstance(found, list) and not (len(names) == 1 and as_numbers(found) is not None):
        return tuple(found)
    return (found,)


def made_instance(kind: type) -> Any:
    """An object of a class that needs no arguments. Raises ConfigurationError for one that does."""
    required = _required(kind)
    if required:
        raise ConfigurationError(
            "target_class",
            name=function_name(kind),
            needs=", ".join(required),
            instance=function_name(kind).lower(),
        )
    return kind()
