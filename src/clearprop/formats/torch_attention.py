"""Attention as PyTorch's modules call it: with its masks, alone or within the layers of a
transformer's encoder.

    y, _ = self.attention(x, x, x, key_padding_mask=mask)     the side input key_padding_mask
    y, _ = self.attention(x, x, x, attn_mask=self.mask)       causal=True, where that is its pattern
    y = self.encoder(x, src_key_padding_mask=mask)            each of its layers

An encoder layer is x + attention(x) and x + linear2(activation(linear1(x))), with a normalization
behind either sum, or with `norm_first` in front of either branch.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from clearprop.base.errors import ContractError
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.formats.traced_layers import TracedJoin, TracedLayer

ENCODERS = ("TransformerEncoder", "TransformerEncoderLayer")
# What masks are called by the modules that take them.
PADDING = ("key_padding_mask", "src_key_padding_mask")
LOOKING = ("attn_mask", "src_mask", "mask")
# From a module, its path and the wire that it takes to its layer.
ReadLayer = Callable[[Any, str, str], TracedLayer]
# From a function, its path and the wire that it takes to the layer that computes the same.
ReadFunction = Callable[[Any, str, str], TracedLayer]


class CallMasks(NamedTuple):
    """What a call says of who may look where.

    causal   whether no position looks ahead
    times    how long the sequences are that its mask is for; None without one
    padding  the name of the module's argument that is its padding mask; None without one
    """

    causal: bool = False
    times: int | None = None
    padding: str | None = None


class EncoderReading(NamedTuple):
    """How the modules and functions inside an encoder are read."""

    layer: ReadLayer
    function: ReadFunction


def is_mask(node: Any, module: Any) -> bool:
    """Whether an argument of a module's forward is only handed on as a padding mask, or to a twin
    as any mask."""
    for user in node.users:
        if user.op != "call_module":
            return False
        called = module.get_submodule(user.target)
        masks = (*PADDING, *LOOKING) if hasattr(called, "takes") else PADDING
        told = _arguments(user, called)
        if any(one is node and name not in masks for name, one in told.items()):
            return False
    return True


def masks_of(node: Any, called: Any, module: Any) -> CallMasks:
    """The masks of a call of attention or of an encoder. Raises ContractError for attention to
    another sequence, and for a mask that is not causal."""
    told = _arguments(node, called)
    asked = {told.pop(name) for name in ("query", "key", "value", "src") if name in told}
    padding = [told.pop(name) for name in PADDING if name in told]
    looking = [told.pop(name) for name in LOOKING if name in told]
    is_causal = told.pop("is_causal", False)
    strange = set(told) - {"need_weights", "average_attn_weights"}
    known = all(one.op == "placeholder" for one in padding)
    if len(asked) > 1 or strange or not known or (is_causal and not looking):
        raise _refused(node, called)
    name = str(padding[0].target) if padding else None
    if not looking:
        return CallMasks(padding=name)
    mask = _constant(module, looking[0])
    if mask is None or not _is_later(mask):
        raise _refused(node, called)
    return CallMasks(True, len(mask), name)


def encoder_steps(
    called: Any, name: str, path: str, source: str, masks: CallMasks, read: EncoderReading
) -> Mapping[str, TracedLayer | TracedJoin]:
    """The layers and sums of an encoder, or of one layer of it; the last wire is what it puts
    out."""
    layers = [(called, name, path)]
    if type(called).__name__ == "TransformerEncoder":
        layers = [
            (one, f"{name}.layers.{number}", f"{path}.layers.{number}")
            for number, one in enumerate(called.layers)
        ]
    steps: dict[str, TracedLayer | TracedJoin] = {}
    for one, wire, place in layers:
        source = _encoder_layer(one, wire, place, source, masks, read, steps)
    norm = called.norm if len(layers) > 1 or layers[0][0] is not called else None
    if norm is not None:
        steps[f"{name}.norm"] = read.layer(norm, f"{path}.norm", source)
    return steps


def with_masks(step: TracedLayer, masks: CallMasks) -> TracedLayer:
    """The step of an attention, as it is masked where it is called."""
    layer = step.layer
    if not masks.causal or not isinstance(layer, MultiheadAttention):
        return step
    return replace(step, layer=replace(layer, causal=True))


def _encoder_layer(
    one: Any,
    name: str,
    path: str,
    source: str,
    masks: CallMasks,
    read: EncoderReading,
    steps: dict[str, TracedLayer | TracedJoin],
) -> str:
    def put(part: str, step: TracedLayer | TracedJoin) -> str:
        steps[f"{name}.{part}"] = step
        return f"{name}.{part}"

    def module(part: str, wire: str) -> str:
        return put(part, read.layer(getattr(one, part), f"{path}.{part}", wire))

    def dropped(part: str, wire: str) -> str:
        return module(part, wire) if getattr(one, part).p else wire

    def attention(wire: str) -> str:
        step = read.layer(one.self_attn, f"{path}.self_attn", wire)
        return dropped("dropout1", put("self_attn", with_masks(step, masks)))

    def bent(wire: str) -> str:
        wire = module("linear1", wire)
        function = read.layer if hasattr(one.activation, "forward") else read.function
        wire = put("activation", function(one.activation, f"{path}.activation", wire))
        return dropped("dropout2", module("linear2", dropped("dropout", wire)))

    for number, branch in (("1", attention), ("2", bent)):
        begin = module(f"norm{number}", source) if one.norm_first else source
        source = put(f"sum{number}", TracedJoin((source, branch(begin))))
        if not one.norm_first:
            source = module(f"norm{number}", source)
    return source


def _arguments(node: Any, called: Any) -> dict[str, Any]:
    """What a call hands over by the names of its arguments, without what is None."""
    bound = inspect.signature(type(called).forward).bind(called, *node.args, **node.kwargs)
    taken = list(bound.arguments.items())[1:]
    return {name: one for name, one in taken if one is not None}


def _constant(module: Any, node: Any) -> Any:
    """A tensor that a module keeps; None for anything that is computed."""
    if getattr(node, "op", "") != "get_attr":
        return None
    for name in node.target.split("."):
        module = getattr(module, name)
    return module


def _is_later(mask: Any) -> bool:
    """Whether a mask says that no position looks ahead: True, or −∞ beside 0, there alone."""
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        return False
    later = mask.new_ones(mask.shape).triu(1) == 1
    hidden = mask if mask.dtype == later.dtype else mask == float("-inf")
    seen = mask.dtype == later.dtype or not mask[~hidden].any()
    return bool((hidden == later).all()) and bool(seen)


def _refused(node: Any, called: Any) -> ContractError:
    return ContractError(
        "torch_attention_call", path=str(node.target), module=type(called).__name__
    )
