"""Addresses: how a person points at one number of a network.

    layers[0].weight[0,3]    one entry of a parameter
    layers[0].bias[0,3]      of a bias (1, out), which may be typed layers[0].bias[3]
    layers[0][3]             one neuron: an entry of what a layer puts out, for any sample
    input[0]                 one feature of the network's input

The path before the last brackets is the one that Python uses: `layers[1].branch.layers[0]`.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.base.arrays import Shape, shape_text
from clearprop.base.errors import ConfigurationError, ShapeError, UnknownNameError
from clearprop.engine.graph import INPUT, Index
from clearprop.engine.step import Step

_ENTRY = re.compile(r"(?P<path>.*)\[(?P<index>\s*-?\d+\s*(?:,\s*-?\d+\s*)*)\]", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """One entry of the array that `path` names; a neuron's array is that of one sample."""

    path: str
    index: Index

    def __str__(self) -> str:
        return f"{self.path}[{','.join(map(str, self.index))}]"


def parameter_address(step: Step, text: str) -> Address:
    """The parameter entry that `text` names.

    Raises UnknownNameError where there is none, with the nearest that exist, ShapeError for an
    index that does not fit, and ConfigurationError for a network without parameters.
    """
    slots = step.forward.network.layout.slots
    if not slots:
        raise ConfigurationError("explain_no_parameters")
    return _address(text, {path: slot.shape for path, slot in slots.items()})


def neuron_address(step: Step, text: str) -> Address:
    """The neuron, or the feature of the input, that `text` names. Raises as
    `parameter_address` does."""
    forward = step.forward
    graph = forward.network.graph
    wires = [INPUT, *graph.nodes, *graph.joins, *graph.groups]
    shapes = {wire: forward.value(wire).shape[1:] for wire in wires}
    return _address(text, shapes)


def every_sample(index: Index) -> Any:
    """The key of the entry `index` in an array with the samples in front, for all of them."""
    return (slice(None), *index)


def _address(text: str, shapes: Mapping[str, Shape]) -> Address:
    text = text.strip()
    match = _ENTRY.fullmatch(text)
    if text in shapes and (match is None or match["path"] not in shapes):
        raise ShapeError(
            "explain_index_missing",
            path=text,
            shape=shape_text(shapes[text]),
            example=Address(text, (0,) * len(shapes[text])),
        )
    path = match["path"] if match else text
    index = tuple(int(part) for part in match["index"].split(",")) if match else ()
    if path not in shapes:
        raise _unknown(text, path, index, shapes)
    shape = shapes[path]
    if len(index) == len(shape) - 1 and shape[0] == 1:
        index = (0, *index)
    if not _fits(index, shape):
        last = Address(path, tuple(size - 1 for size in shape))
        raise ShapeError("explain_index", text=text, shape=shape_text(shape), last=last)
    return Address(path, index)


def _fits(index: Index, shape: Shape) -> bool:
    return len(index) == len(shape) and all(
        0 <= i < size for i, size in zip(index, shape, strict=True)
    )


def _unknown(text: str, path: str, index: Index, shapes: Mapping[str, Shape]) -> UnknownNameError:
    near = difflib.get_close_matches(path, shapes, n=3, cutoff=0.3) or list(shapes)[:3]
    offered = [
        Address(name, index if _fits(index, shapes[name]) else (0,) * len(shapes[name]))
        for name in near
    ]
    return UnknownNameError("path_unknown", path=text, nearest=", ".join(map(str, offered)))
