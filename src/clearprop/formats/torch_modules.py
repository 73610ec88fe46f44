"""A network out of PyTorch: of a module, by following its `forward`, or of a state dict.

A module is traced with torch.fx: its own modules, functions such as `F.relu(x)` and sums such as
`x + f(x)` are found whatever they are called in it. What was found is then run beside the module at
a few rows, so that nothing comes in that computes something else.
"""

import copy
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Combinator
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.reshaping import Flatten
from clearprop.engine.network import Network
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.torch_arrays import (
    array_of,
    from_torch_arrays,
    from_torch_layout,
    working_dtype,
)
from clearprop.formats.torch_attention import (
    ENCODERS,
    CallMasks,
    EncoderReading,
    encoder_steps,
    is_mask,
    masks_of,
    with_masks,
)
from clearprop.formats.torch_cells import agreed_states, is_cell, is_state, states_of
from clearprop.formats.torch_functions import is_module
from clearprop.formats.torch_sequences import RECURRENT, SequencePart, part_taken
from clearprop.formats.torch_trial import try_beside
from clearprop.formats.torch_twin import pytorch
from clearprop.formats.traced_layers import (
    Traced,
    TracedJoin,
    TracedLayer,
    TracedNetwork,
    network_of_traced,
)
from clearprop.kinds.kind_tables import LAYER_ROWS

if TYPE_CHECKING:
    import torch

READS: Mapping[str, Callable[[Any], Layer | None]] = {
    name: read for row in LAYER_ROWS.values() for name, read in row.torch.reads.items()
}
# How torch.nn.functional and torch call what torch.nn has as a module.
# Those with parameters of their own are not called so.
_BY_FUNCTION = {
    name.lower(): name
    for row in LAYER_ROWS.values()
    for name in row.torch.reads
    if not row.parameters
}
SUMS = ("add", "__add__", "__radd__", "iadd")
# What only makes rows of what comes in.
RESHAPES = ("flatten", "view", "reshape")
MEASURES = ("size", "getitem", "getattr")


class _Found(NamedTuple):
    """The layers and sums that a module runs, the wire that comes in, the one that goes out, the
    masks of its attentions, and the arguments that its cells start from."""

    steps: Traced
    start: str
    output: str
    masks: CallMasks
    states: Mapping[str, str]


def from_torch(
    source: "torch.nn.Module | Mapping[str, torch.Tensor]",
    *,
    network: Network | None = None,
    input_shape: Shape | None = None,
) -> SavedNetwork:
    """The network that a module computes in use, its parameters and running statistics; copies, in
    float64 where the module is, otherwise in float32.

    source   a module; or a state dict, for which `network` says what its arrays belong to
    network  of a state dict: arrays go by PyTorch's names (`torch_arrays`), or by their order
    input_shape  of one sample, which the two are tried with; as the layers say unless told
                 otherwise: rows, sequences, or images that are as high as wide

    Of rows, `nn.Flatten()` at the beginning takes nothing away, and `nn.Softmax(dim=1)` is over
    their features. An argument of forward that is only handed on as a padding mask is the side
    input `key_padding_mask` here, and one that is handed on as the state of a cell is `hidden` or
    `cell`.

    Raises ContractError for a module that cannot be followed or that no layer here computes, with
    its name; ShapeError for arrays of another network; MissingDependencyError without PyTorch.
    """
    given: Any = source
    if not is_module(given):
        return _of_state_dict(given, network)
    if network is not None:
        return _of_state_dict(given.state_dict(), network)
    module = copy.deepcopy(given).cpu().eval()
    found = _traced(module)
    network, params, state = _network(found, module)
    saved = SavedNetwork(network=network, params=params, state=state)
    try_beside(module, saved, found.masks, found.states, input_shape)
    return saved


def traced_module(module: Any) -> TracedNetwork:
    """What a module runs, as it stands in its code; whoever hands it on tries it. What is raised is
    that of `from_torch`."""
    return _network(_traced(module), module)


def _network(found: _Found, module: Any) -> TracedNetwork:
    return network_of_traced(found.steps, found.start, found.output, _dtype(module))


def _of_state_dict(arrays: Any, network: Network | None) -> SavedNetwork:
    if not isinstance(arrays, Mapping) or not arrays:
        raise ContractError("torch_not_module", came=type(arrays).__name__)
    if network is None:
        raise ContractError("state_dict_alone", names=", ".join(list(map(str, arrays))[:4]))
    strange = next((name for name, one in arrays.items() if not hasattr(one, "shape")), None)
    if strange is not None:
        raise ContractError("state_dict_entry", name=strange, came=type(arrays[strange]).__name__)
    params, state = from_torch_arrays(network, {n: array_of(one) for n, one in arrays.items()})
    return SavedNetwork(network=network, params=params, state=state)


def _traced(module: Any) -> _Found:
    torch = pytorch()
    from torch import fx

    class Tracer(fx.Tracer):
        """Goes into every module that is not a layer by itself."""

        def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
            return _is_leaf(m) or super().is_leaf_module(m, module_qualified_name)

    if _is_leaf(module) or type(module).__name__ in ENCODERS:
        module = torch.nn.Sequential(module)
    tracer = Tracer()
    try:
        graph = tracer.trace(module)
    except Exception as problem:  # whatever a person's forward raises
        said = str(problem).strip().partition("\n")[0]
        raise ContractError(
            "torch_untraceable", module=type(module).__name__, problem=said
        ) from problem
    steps: dict[str, TracedLayer | TracedJoin] = {}
    wires: dict[str, str] = {}
    parts: dict[str, SequencePart] = {}
    # What has a default and is not used need not be handed over, and masks stand beside x.
    inputs = [
        node
        for node in graph.nodes
        if node.op == "placeholder"
        and node.users
        and not (is_mask(node, module) or is_state(node, module))
    ]
    if len(inputs) != 1:
        raise ContractError("torch_inputs", module=type(module).__name__, count=len(inputs))
    (start,) = inputs
    output = ""
    attentions: dict[str, CallMasks] = {}
    states: list[Mapping[str, str]] = []
    for node in graph.nodes:
        name = str(node)
        if node.op == "placeholder":
            wires[name] = name
        elif node.op == "get_attr":
            continue  # a constant, as a mask is; whoever takes it knows it or refuses it
        elif node.op == "output":
            output = wires.get(str(node.args[0]), "")
        elif node.op == "call_module":
            called = module.get_submodule(node.target)
            taken = _taken(node, wires, repr(called))
            if type(called).__name__ == "Flatten" and taken == str(start):
                wires[name] = taken
                continue
            if _attends(called):
                attentions[name] = masks_of(node, called, tracer.root)
                found = _attention(called, name, str(node.target), taken, attentions[name])
                steps |= found
                wires[name] = list(found)[-1]
                continue
            if is_cell(called):
                states.append(states_of(node, called))
            wires[name] = name
            steps[name] = _layer(called, str(node.target), taken)
            if type(called).__name__ in RECURRENT and not _own(called):
                parts[name] = SequencePart(called, name, "pair")
        elif part := part_taken(node, parts, wires):
            if isinstance(part, TracedLayer):
                steps[name], wires[name] = part, name
        elif _called(node) in MEASURES:
            # Attention puts out its sequence and, where that is asked for, its weights.
            if str(node.args[0]) in attentions and node.args[1:] == (0,):
                wires[name] = wires[str(node.args[0])]
            continue
        elif _called(node) in RESHAPES:
            taken = _taken(node, wires, _called(node))
            if taken == str(start):
                wires[name] = taken
            else:
                _require_flattening(node)
                steps[name], wires[name] = TracedLayer(Flatten(), taken), name
        else:
            wires[name] = name
            steps[name] = _function(torch.nn, node, wires)
    if not output:
        raise ContractError("torch_output", module=type(module).__name__)
    kind = type(module).__name__
    masks, beside = _agreed(attentions, kind), agreed_states(states, kind)
    return _Found(steps, str(start), output, masks, beside)


def _attends(called: Any) -> bool:
    name = type(called).__name__
    return name in ENCODERS or (name == "MultiheadAttention" and not _own(called))


def _attention(
    called: Any, name: str, path: str, source: str, masks: CallMasks
) -> Mapping[str, TracedLayer | TracedJoin]:
    """The steps of an attention, or of an encoder that has several."""
    if type(called).__name__ not in ENCODERS:
        return {name: with_masks(_layer(called, path, source), masks)}

    def function(one: Any, place: str, wire: str) -> TracedLayer:
        called_so = _BY_FUNCTION.get(str(getattr(one, "__name__", "")).replace("_", ""))
        if called_so is None:
            raise _unknown(place, repr(one))
        return _layer(getattr(pytorch().nn, called_so)(), place, wire)

    return encoder_steps(called, name, path, source, masks, EncoderReading(_layer, function))


def _agreed(attentions: Mapping[str, CallMasks], module: str) -> CallMasks:
    """What all attentions of a module say of padding, and the length that their masks are for.
    Raises ContractError where they differ: a side input goes to all of them."""
    padded = {one.padding for one in attentions.values()}
    times = {one.times for one in attentions.values()} - {None}
    if len(padded) > 1 or len(times) > 1:
        raise ContractError("torch_masks_differ", module=module)
    length = next(iter(times), None)
    return CallMasks(length is not None, length, next(iter(padded), None))


def _is_leaf(module: Any) -> bool:
    name, home = type(module).__name__, type(module).__module__
    return (name in READS and home.startswith("torch.nn")) or _own(module)


def _own(module: Any) -> bool:
    """Whether it is a twin that PyTorch has no module for, which says which layer it is."""
    layer = getattr(type(module), "layer", None)
    return isinstance(layer, Layer)


def _layer(module: Any, path: str, source: str) -> TracedLayer:
    name = type(module).__name__
    layer = module.layer if _own(module) else READS.get(name, lambda _: None)(module)
    if layer is None:
        raise _unknown(path, repr(module))
    if isinstance(layer, Combinator):
        parts = dict(module.named_parameters(recurse=False, remove_duplicate=False))
        return TracedLayer(layer, source, _of_parts(layer, parts))
    renamed = LAYER_ROWS[type(layer)].torch.renamed
    names = {renamed.get(one, one): one for one in layer.parameters()}
    parameters = {
        names[theirs]: array
        for theirs, array in module.named_parameters(remove_duplicate=False)
        if theirs in names
    }
    params = {one: from_torch_layout(layer, one, array_of(p)) for one, p in parameters.items()}
    buffers = dict(module.named_buffers(recurse=False))
    state = {
        one: from_torch_layout(layer, one, array_of(buffers[renamed.get(one, one)]))
        for one in layer.state()
    }
    shared = {one: id(p) for one, p in parameters.items()}
    return TracedLayer(layer, source, params, state, shared)


def _of_parts(layer: Combinator, parameters: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a module that is several layers here, which both sides have in one order."""
    places = [(node, one) for node in layer.graph.nodes.values() for one in node.parameters]
    return {
        node.parameters[one].path: from_torch_layout(node.layer, one, array_of(p))
        for (node, one), p in zip(places, parameters.values(), strict=True)
    }


def _function(nn: Any, node: Any, wires: Mapping[str, str]) -> TracedLayer | TracedJoin:
    """A sum of two wires, or a function as the module that computes the same."""
    called = _called(node)
    if called in ("cat", "concatenate", "concat"):
        return _beside(node, wires)
    terms = [wires.get(str(one)) for one in node.args if hasattr(one, "op")]
    if called in SUMS and len(terms) == 2 and None not in terms and not _scaled(node):
        return TracedJoin(tuple(map(str, terms)))
    name = _BY_FUNCTION.get(called.strip("_").replace("_", ""))
    if name is None or len(terms) != 1:
        raise _unknown(str(node), called)
    left_out = ("input", "inplace", "training", "_stacklevel", "dtype")
    settings = {k: v for k, v in node.kwargs.items() if k not in left_out}
    given = () if name == "Dropout" and node.args[2:] else node.args[1:]
    try:
        module = getattr(nn, name)(*given, **settings)
    except (TypeError, ValueError) as problem:
        raise _unknown(str(node), called) from problem
    return _layer(module, str(node), _taken(node, wires, called))


def _beside(node: Any, wires: Mapping[str, str]) -> TracedJoin:
    """Wires that are put one after another. Raises ContractError for an axis that is counted from
    the front, and for what is no wire of the network's."""
    terms = [wires.get(str(one)) for one in node.args[0]]
    axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    if axis > -1 or None in terms:
        raise _unknown(str(node), f"{_called(node)}(dim={axis})")
    return TracedJoin(tuple(map(str, terms)), axis)


def _taken(node: Any, wires: Mapping[str, str], called: str) -> str:
    """The wire that a call takes. Raises ContractError where it takes none of the network's."""
    wire = wires.get(str(node.args[0])) if node.args else None
    if wire is None:
        raise _unknown(str(node.target) if node.op == "call_module" else str(node), called)
    return wire


def _unknown(path: str, called: str) -> ContractError:
    known = ", ".join(sorted(READS))
    return ContractError(
        "torch_layer_unknown", path=path, module=" ".join(called.split()), known=known
    )


def _scaled(node: Any) -> bool:
    return bool(node.kwargs.get("alpha", 1) != 1)


def _called(node: Any) -> str:
    target = node.target
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    return "add" if target in (operator.add, operator.iadd) else str(name)


def _require_flattening(node: Any) -> None:
    """Refuse a reshape between layers that makes anything but one row of every sample. Raises
    ContractError."""
    told = (
        node.args[1] if len(node.args) == 2 and isinstance(node.args[1], tuple) else node.args[1:]
    )
    if _called(node) == "flatten":
        first, last = (
            (*told, *(1, -1)[len(told) :])[:2] if told else (node.kwargs.get("start_dim"), -1)
        )
        flattens = (first, node.kwargs.get("end_dim", last)) == (1, -1)
    else:
        # One size of all samples and one of the row; that it is theirs is tried with numbers.
        flattens = len(told) == 2 and isinstance(told[1], int)
    if not flattens:
        raise ContractError("torch_reshape", called=_called(node))


def _dtype(module: Any) -> np.dtype[Any]:
    kept = [one for one in module.state_dict().values() if one.is_floating_point()]
    return working_dtype(*(array_of(one).dtype for one in kept)) if kept else np.dtype(np.float64)
