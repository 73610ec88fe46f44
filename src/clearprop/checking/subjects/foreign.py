"""PyTorch and JAX: subjects from their functions, and what they compute of ours.

This file knows no tensor; `clearprop.formats` does.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError, ContractError
from clearprop.checking.subjects import plain_functions
from clearprop.checking.subjects.narrow_dtypes import refuse_narrow
from clearprop.checking.subjects.subject import Subject, Twin
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_ROWS


def _framework(name: str) -> Any:
    return import_module(f"clearprop.formats.{name}_functions")


def _whose(target: Any) -> str | None:
    """The framework that a function is of: "torch" for a torch.autograd.Function, "jax" for a
    jax.custom_vjp; None for anything else. A framework that nobody imported has made nothing, and
    is not imported to ask."""
    loaded = (name for name in ("torch", "jax") if name in sys.modules)
    return next((name for name in loaded if _framework(name).is_function(target)), None)


def subject_of(
    target: Any, arrays: Sequence[Any], dy: Array | None, wrt: Sequence[str] | None
) -> Subject | None:
    """The subject of a torch.autograd.Function, a torch.nn.Module or a function of JAX's; None
    for anything else.

    Raises ConfigurationError without arrays, and for a name in `wrt` that no gradient is by.
    """
    if _is_module(target):
        return _of_module(target, arrays, dy, wrt)
    name = _whose(target)
    if name is None:
        return None
    if not arrays:
        raise ConfigurationError("check_no_arrays", function=target.__name__)
    apply = target.apply if name == "torch" else target
    # A Function's forward takes its context first, or has setup_context beside it.
    first = 1 if name == "torch" and "setup_context" not in vars(target) else 0
    described = target.forward if name == "torch" else target
    names = plain_functions.argument_names(described, len(arrays) + first)[first:]
    point = {one: plain_functions.as_array(one, a) for one, a in zip(names, arrays, strict=True)}
    variables = plain_functions.variables_of(point, wrt)
    framework, title = _framework(name), str(target.__name__)
    forward = framework.repeated_forward(apply, list(point.values()))
    return _along(framework, title, point, variables, dy, apply, forward)


def _along(
    framework: Any,
    title: str,
    point: Mapping[str, Array],
    variables: tuple[str, ...],
    dy: Array | None,
    function: Callable[..., Any],
    forward: Callable[[Sequence[Array]], tuple[Array, Any]],
    but: tuple[type[Exception], ...] = (),
) -> Subject:
    """The subject of a function of the framework's arrays: `forward` gives y and the graph that the
    way back goes along; exceptions in `but` are no fault of the person's."""

    def run(given: Mapping[str, Array]) -> tuple[Array, Any]:
        y, graph = plain_functions.guarded(title, lambda: forward(list(given.values())), but=but)
        return y, (graph,)

    return Subject(
        name=title,
        arrays=point,
        variables=variables,
        run=run,
        back=_way_back(framework, title, point, variables),
        dy=dy,
        in_numpy=lambda given: framework.forward_in_numpy(function, list(given.values())),
    )


def _way_back(
    framework: Any, title: str, names: Iterable[str], variables: Collection[str]
) -> Callable[..., Mapping[str, Any]]:
    """What the framework hands back along its graph, by the names of the arrays that went in."""

    def back(dy: Array, _given: Mapping[str, Array], cache: Any) -> Mapping[str, Any]:
        found = plain_functions.guarded(
            title, lambda: framework.backward(cache[0], dy), but=(ContractError,)
        )
        return {one: g for one, g in zip(names, found, strict=True) if one in variables}

    return back


def _is_module(target: Any) -> bool:
    return "torch" in sys.modules and bool(_framework("torch").is_module(target))


def _of_module(
    module: Any, arrays: Sequence[Any], dy: Array | None, wrt: Sequence[str] | None
) -> Subject:
    """A torch.nn.Module by its inputs and its parameters, in float64."""
    title, framework = type(module).__name__, _framework("torch")
    if not arrays:
        raise ConfigurationError("check_no_arrays", function=title)
    inputs = plain_functions.argument_names(module.forward, len(arrays))
    point = {one: plain_functions.as_array(one, a) for one, a in zip(inputs, arrays, strict=True)}
    point = {one: a.astype(np.float64) if a.dtype.kind == "f" else a for one, a in point.items()}
    refuse_narrow(dict(module.named_parameters()))
    parameters = framework.module_parameters(module)
    point.update(parameters)
    variables = plain_functions.variables_of(point, wrt)
    double = next(iter((*parameters.values(), *point.values()))).dtype == np.float64
    function = framework.module_function(module, list(parameters), double=double)
    forward = framework.repeated_forward(function, list(point.values()))
    return _along(framework, title, point, variables, dy, function, forward, but=(ContractError,))


def function_twin(name: str, function: Callable[..., Any]) -> Twin:
    """A person's own function of tensors, differentiated by torch or JAX, as a twin."""
    framework = _framework(name)

    def twin(arrays: Mapping[str, Array], dy: Array) -> tuple[Array, Mapping[str, Array]]:
        y, graph = framework.forward(function, list(arrays.values()))
        found = framework.backward(graph, dy.astype(y.dtype))
        return y, {n: g for n, g in zip(arrays, found, strict=True) if g is not None}

    return twin


def our_twin(name: str, subject: Subject, *, required: bool) -> Twin | None:
    """What torch or JAX computes of a layer, network or loss of ours; None where it is not
    installed, unless it is `required`, or where the subject is not ours.

    The framework takes seconds to load, and is loaded when it is asked, of what it can compute.
    """
    ours = subject.network is not None or subject.loss is not None
    if not ours or not (required or is_installed(name)):
        return None

    def of_network(
        network: Network, arrays: Mapping[str, Array], dy: Array
    ) -> tuple[Array, Mapping[str, Array]]:
        owned = {path: arrays[path] for path in network.layout.slots if path not in network.tied}
        params = network.replace(np.zeros(network.size, dy.dtype), owned)
        states = {one: arrays[one] for one in network.side_inputs if one in arrays}
        y, dx, gradient, by_states = _framework(name).network_gradients(
            network, params, arrays["x"], dy, training=subject.context.training, states=states
        )
        found = {**network.named(gradient), **by_states}
        return y, found if dx is None else {"x": dx, **found}

    def of_loss(arrays: Mapping[str, Array], output: Array) -> tuple[Array, Any]:
        framework = _framework(name)
        function = framework.loss_function(subject.loss)
        key = "t" if "t" in arrays else "target"
        y, graph = framework.forward(function, [output, arrays[key]])
        return y, framework.backward(graph, np.ones((), output.dtype))[0]

    def twin(arrays: Mapping[str, Array], dy: Array) -> tuple[Array, Mapping[str, Array]]:
        network = subject.network
        if network is None:
            y, gradient = of_loss(arrays, arrays["output"])
            return y, {"output": gradient * dy}
        if network.tied:
            raise ContractError("check_tied_twin")
        if subject.context.side_inputs:
            raise ContractError("check_side_inputs_twin")
        for path, node in network.graph.nodes.items():
            if type(node.layer) not in LAYER_ROWS:
                kind = type(node.layer).__name__
                raise ContractError(f"{name}_twin_missing", path=path, layer=kind)
        if subject.loss is None:
            return of_network(network, arrays, dy)
        shape = _output_shape(subject, arrays)
        output, _ = of_network(network, arrays, np.zeros(shape, dy.dtype))
        value, gradient = of_loss(arrays, output)
        return value, of_network(network, arrays, gradient * dy)[1]

    return twin


def _output_shape(subject: Subject, arrays: Mapping[str, Array]) -> tuple[int, ...]:
    return subject.run(dict(arrays))[1][-1].shape  # type: ignore[no-any-return]


def is_foreign(target: Any) -> bool:
    """Whether `target` is a torch.autograd.Function, a torch.nn.Module or a function of JAX's."""
    return _is_module(target) or _whose(target) is not None
