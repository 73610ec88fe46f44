"""Addresses: how a person points at one number of a network.

    layers[0].weight[0,3]    one entry of a parameter
    layers[0].bias[0,3]      of a bias (1, out), which may be typed layers[0].bias[3]
    layers[0][3]             one neuron: an entry of what a layer puts out, for any sample
    input[0]                 one feature of the network's input

    layers[2].heads[1].weights[4,2]    one number inside a layer: an entry of an intermediate that
    layers[0].time[3].forget[5]        the layer at layers[2] or layers[0] declares

    layers[0].channels[2][5,5]         of an image: layers[0][2,5,5]
    layers[3].patches[0,1][2,0,1]      of what lies under a kernel at one of its places:
                                       layers[3].row[0].column[1].patch[2,0,1]

The path before the last brackets is the one that Python uses: `layers[1].branch.layers[0]`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from clearprop.base.arrays import Index, Shape, shape_text
from clearprop.base.errors import ClearpropError, ConfigurationError, ShapeError, UnknownNameError
from clearprop.engine.graph import INPUT, join_path
from clearprop.engine.images import holds_images
from clearprop.engine.layers.layer import Intermediate
from clearprop.engine.misspelled_addresses import fits, no_channel, respelled, unknown, written
from clearprop.engine.network import ForwardPass
from clearprop.engine.step import Step

_ENTRY = re.compile(r"(?P<path>.*)\[(?P<index>\s*-?\d+\s*(?:,\s*-?\d+\s*)*)\]", re.DOTALL)

_SPELLED = re.compile(
    r"(?P<path>.*?)\.?(?P<kind>channels|patches)\[(?P<number>[\d\s,]+)\]"
    r"(?:\[(?P<index>[\d\s,-]+)\])?"
)


@dataclass(frozen=True)
class Address:
    """One entry of the array that `path` names; a neuron's array is that of one sample."""

    path: str
    index: Index

    def __str__(self) -> str:
        return written(self.path, self.index)


@dataclass(frozen=True)
class InnerAddress:
    """One entry of one sample of an intermediate of the layer at `path`.

    name    of the intermediate
    within  the axes that stand before its name, each with its number: (("heads", 1),)
    index   the entry in the last brackets
    """

    path: str
    name: str
    within: tuple[tuple[str, int], ...]
    index: Index

    @property
    def place(self) -> Index:
        """Where it stands in one sample of the intermediate's values."""
        return (*(number for _, number in self.within), *self.index)

    def __str__(self) -> str:
        return str(Address(inner_path(self.path, self.name, self.within), self.index))


def parameter_address(step: Step, text: str) -> Address:
    """The parameter entry that `text` names.

    Raises UnknownNameError where there is none, with the nearest that exist, ShapeError for an
    index that does not fit, and ConfigurationError for a network without parameters.
    """
    slots = step.forward.network.layout.slots
    if not slots:
        raise ConfigurationError("explain_no_parameters")
    shapes = {path: slot.shape for path, slot in slots.items()}
    try:
        return _address(text, shapes)
    except UnknownNameError as problem:
        if not text.strip():
            raise
        inside = inner_shapes(step.forward)
        try:
            found = number_address(step, text)
        except ShapeError as other:
            # What was meant is inside a layer, and beyond what there is.
            raise other from problem
        except UnknownNameError as other:
            if respelled(text, {one.name for one in inside.values()}) is not None:
                raise other from problem
            return _address(text, {**shapes, **{path: one.shape for path, one in inside.items()}})
        raise UnknownNameError("explain_no_parameter", path=found) from problem


def neuron_address(step: Step, text: str) -> Address:
    """The neuron, or the feature of the input, that `text` names. Raises as
    `parameter_address` does."""
    return _address(_unabridged(step.forward, text), _wire_shapes(step.forward))


def inner_address(step: Step, text: str) -> InnerAddress:
    """The number inside a layer that `text` names. Raises as `parameter_address` does, and
    ConfigurationError for a network whose layers have nothing inside."""
    inner = inner_shapes(step.forward)
    if not inner:
        raise ConfigurationError("explain_nothing_inside")
    text = _unabridged(step.forward, text)
    found = _address(text, {path: one.shape for path, one in inner.items()})
    span = inner[found.path]
    return InnerAddress(span.path, span.name, span.within, found.index)


def number_address(step: Step, text: str) -> Address | InnerAddress:
    """The neuron, the feature of the input or the number inside a layer that `text` names. Raises
    as `parameter_address` does."""
    shapes = _wire_shapes(step.forward)
    text = _unabridged(step.forward, text)
    match = _ENTRY.fullmatch(text.strip())
    if text.strip() in shapes or (match and match["path"] in shapes):
        return _address(text, shapes)
    inner = inner_shapes(step.forward)
    found = _address(text, {**shapes, **{path: one.shape for path, one in inner.items()}})
    if found.path not in inner:
        return found
    span = inner[found.path]
    return InnerAddress(span.path, span.name, span.within, found.index)


@dataclass(frozen=True)
class InnerSpan:
    """The entries of an intermediate at one place of the axes before its name: of one head, of one
    time. `shape` is that of one sample."""

    path: str
    name: str
    within: tuple[tuple[str, int], ...]
    shape: Shape


def inner_shapes(forward: ForwardPass) -> dict[str, InnerSpan]:
    """Everything inside the layers of a pass that has an address, by what stands before the last
    brackets: `layers[2].heads[1].weights`."""
    return {
        inner_path(path, span.name, span.within): span
        for path in forward.network.graph.nodes
        for name, one in forward.inside(path).items()
        for span in _spans(path, name, one)
    }


def inner_path(path: str, name: str, within: tuple[tuple[str, int], ...]) -> str:
    """`layers[2].heads[1].weights`: what stands before the last brackets of an inner address."""
    for axis, number in within:
        path = join_path(path, f"{axis}[{number}]")
    return join_path(path, name)


def channels_path(path: str, channel: int) -> str:
    """`layers[1].channels[3]`: an image's channel, before the place in it."""
    return join_path(path, f"channels[{channel}]")


def image_wires(forward: ForwardPass) -> dict[str, Shape]:
    """The wires that carry images, and the shape of one sample on each."""
    shapes = _wire_shapes(forward)
    return {wire: shape for wire, shape in shapes.items() if holds_images(forward, wire)}


def _unabridged(forward: ForwardPass, text: str) -> str:
    """An address with its channel or patch as its array has it: `layers[0].channels[2][5,5]` is
    `layers[0][2,5,5]`. Raises UnknownNameError for channels and patches where there are none."""
    text = text.strip()
    match, entry = _SPELLED.fullmatch(text), _ENTRY.fullmatch(text)
    wires = _wire_shapes(forward)
    inner = {name for one in forward.network.graph.nodes for name in forward.inside(one)}
    meant = respelled(text, inner) if match is None else None
    if meant is not None and not (text in wires or (entry and entry["path"] in wires)):
        raise _meant(forward, text, meant)
    # A combinator of one's own may have children of this name.
    if match is None or text in wires or (entry and entry["path"] in wires):
        return text
    path, kind, number, rest = match.group("path", "kind", "number", "index")
    within: dict[str, tuple[str, ...]] = {}
    if kind == "channels":
        images = image_wires(forward)
        known = list(images)
        if path in known:
            return _of_channel(text, path, images[path], number, rest)
    else:
        inside = {one: forward.inside(one) for one in forward.network.graph.nodes}
        within = {one: found["patch"].within for one, found in inside.items() if "patch" in found}
        known = list(within)
        places = number.split(",")
        if path in known and len(places) == len(within[path]):
            before = zip(within[path], map(int, places), strict=True)
            span = inner_path(path, "patch", tuple(before))
            return f"{span}[{rest}]" if rest else span
    if not known:
        raise UnknownNameError("channels_nowhere", path=text)
    if kind == "channels":
        raise UnknownNameError("channels_unknown", path=text, known=", ".join(known))
    patch = forward.inside(known[0])["patch"]
    zeros = [",".join("0" * len(axes)) for axes in (patch.within, patch.axes)]
    example = join_path(known[0], f"patches[{zeros[0]}][{zeros[1]}]")
    raise UnknownNameError("patches_unknown", path=text, known=", ".join(known), example=example)


def _meant(forward: ForwardPass, text: str, meant: str) -> ClearpropError:
    """The error for a misspelled `channels` or `patches`: what was meant, or what is wrong with
    that too."""
    try:
        _unabridged(forward, meant)
    except ClearpropError as problem:
        return problem
    return UnknownNameError("path_unknown", path=text, nearest=meant)


def _of_channel(text: str, path: str, shape: Shape, number: str, rest: str | None) -> str:
    """`layers[0][2,5,5]` for channel 2 and the place 5,5 in it. Raises ShapeError for a channel or
    a place that the image (channels, *places) does not have, in the words that were typed."""
    channel = number.strip()
    if not channel.isdecimal() or int(channel) >= shape[0]:
        raise no_channel(text, path, channel, shape)
    if rest is not None:
        place = tuple(int(one) for one in rest.split(","))
        if not fits(place, shape[1:]):
            last = Address(channels_path(path, int(channel)), tuple(n - 1 for n in shape[1:]))
            raise ShapeError("explain_index", text=text, shape=shape_text(shape[1:]), last=last)
    return f"{path}[{','.join(filter(None, [number, rest]))}]"


def _spans(path: str, name: str, one: Intermediate) -> list[InnerSpan]:
    shape = one.values.shape[1:]
    before = len(one.within)
    return [
        InnerSpan(path, name, tuple(zip(one.within, numbers, strict=True)), shape[before:])
        for numbers in product(*map(range, shape[:before]))
    ]


def _wire_shapes(forward: ForwardPass) -> dict[str, Shape]:
    graph = forward.network.graph
    wires = [INPUT, *graph.nodes, *graph.joins, *graph.groups]
    return {wire: forward.value(wire).shape[1:] for wire in wires}


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
        raise unknown(text, path, index, shapes)
    shape = shapes[path]
    if len(index) == len(shape) - 1 and shape[0] == 1:
        index = (0, *index)
    if not fits(index, shape):
        last = Address(path, tuple(size - 1 for size in shape))
        raise ShapeError("explain_index", text=text, shape=shape_text(shape), last=last)
    return Address(path, index)
