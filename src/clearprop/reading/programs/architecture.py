"""Networks as people spell them: `1-10-relu-1`, `4-16-gelu-dropout(0.3)-3`.

    network   part-part-…             from the input to the output
    part      size                    the first one counts the input's features; every other one is
                                      a Linear to that many units
              size x size x size      only the first one: channels, height and width of images, as
                                      1x8x8; of sequences channels and length, as 3x20
              size(settings)          16(bias=false)
              layer                   a layer's name: relu, layernorm, softmax …
              layer(settings)         leakyrelu(0.1), batchnorm(momentum=none)
              residual(network)       8-residual(16-tanh-8)-1; the sizes go on from outside
              add(network, network)   8-add(tanh, 16-relu-8)-1; concatenate likewise

              1x8x8-conv2d(6, 3, padding=1)-relu-maxpool2d(2)-flatten-10

Layers that need to know how many features or channels come in are told. A Linear before a batchnorm
has no bias unless `bias=true` is said: the normalization would take it off again. `embedding(5, 3)`
stands first, where the input is ids. Upper and lower case are alike.
"""

import inspect
import re
from typing import Any

from clearprop.base.arrays import Shape, shape_text
from clearprop.base.errors import ConfigurationError
from clearprop.engine.combinators import Combinator, Concatenate, Residual, Sequential
from clearprop.engine.layers.layer import Layer, OpenShape
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_ROWS, LAYERS
from clearprop.reading.programs.spelling import found, made, near, spelled

_SHAPE = re.compile(r"\d+(x\d+)*", re.IGNORECASE)
_SIZE = re.compile(r"(\d+)(\(.*\))?")
_NAMED = re.compile(r"([A-Za-z_]\w*)(\(.*\))?", re.DOTALL)
_SPELLED_OTHERWISE = ("Linear", "Sequential")
LARGEST = 10_000_000  # parameters: more than a program of this kind trains
NAMES = tuple(name.lower() for name in LAYERS if name not in _SPELLED_OTHERWISE)


def network_of(text: str) -> Network:
    """The network that `text` spells.

    Raises ConfigurationError with the part that was not understood and what is known, ShapeError
    and ConfigurationError for layers that do not go together or refuse their settings.
    """
    parts = _split(text, text)
    shape = shape_of(text)
    if shape is not None:
        if len(parts) == 1:
            raise ConfigurationError("architecture_alone", text=text)
        # Linear refuses a size of 0 with its own sentence.
        parts = parts[1:]
    layers, _ = _layers(parts, shape, text)
    network = Network(Sequential(*layers))
    if network.size > LARGEST:
        raise ConfigurationError(
            "architecture_large", text=text, size=f"{network.size:,}", most=f"{LARGEST:,}"
        )
    return network


def shape_of(text: str) -> Shape | None:
    """The shape of one sample of the network that `text` spells; None where it does not say."""
    first = _SHAPE.fullmatch(_split(text, text)[0])
    return tuple(map(int, first[0].lower().split("x"))) if first else None


def _split(text: str, whole: str, mark: str = "-") -> list[str]:
    """The parts between the dashes, or other marks, that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    parts = [part.strip() for part in parts]
    if not all(parts):
        raise ConfigurationError("architecture_empty", text=whole)
    return parts


def _layers(parts: list[str], shape: Shape | None, text: str) -> tuple[list[Layer], Shape | None]:
    layers: list[Layer] = []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        layer, shape = _layer(part, following, shape, text)
        layers.append(layer)
    return layers, shape


def _layer(part: str, following: str, shape: Shape | None, text: str) -> tuple[Layer, Shape | None]:
    """The layer that a part spells for samples of a shape, and the shape that it gives."""
    if size := _SIZE.fullmatch(part):
        if shape is None:
            raise ConfigurationError("architecture_size", part=part, text=text)
        if len(shape) > 1:
            raise ConfigurationError(
                "architecture_image", part=part, text=text, shape=shape_text(("N", *shape))
            )
        layer = _linear(shape[0], int(size[1]), size[2], following, text, part)
        return layer, layer.output_shape(shape)
    named = _NAMED.fullmatch(part)
    if named is None:
        key = "architecture_brackets" if set(part) & set("()") else "architecture_unknown"
        raise ConfigurationError(key, part=part, text=text, known=", ".join(NAMES))
    name, brackets = named[1], named[2]
    kind = found(name, {one: LAYERS[one] for one in LAYERS if one not in _SPELLED_OTHERWISE})
    if kind is None:
        raise _unknown(part, name, text)
    if issubclass(kind, Combinator):
        return _combined(kind, (brackets or "()")[1:-1], shape, text)
    row = LAYER_ROWS[kind]
    told = row.told_channels or row.told_features
    if told and shape is None:
        key = "architecture_channels" if row.told_channels else "architecture_size"
        raise ConfigurationError(key, part=part, text=text)
    features = None if not told or shape is None else shape[0 if row.told_channels else -1]
    layer = _with_settings(kind, features, row.told_channels, brackets, part, text)
    return layer, layer.output_shape(() if row.ids else _with_any_axes(shape))


def _with_any_axes(shape: Shape | None) -> Shape | None:
    """A size alone says how many features there are, and not what axes stand before them."""
    return OpenShape(shape) if shape is not None and len(shape) == 1 else shape


def _combined(kind: Any, inner: str, shape: Shape | None, text: str) -> tuple[Layer, Shape | None]:
    """A combinator of the branches that stand between commas, and the shape that it gives."""
    branches: list[Layer] = []
    shapes: list[Shape | None] = []
    for branch in _split(inner, text, ","):
        layers, after = _layers(_split(branch, text), shape, text)
        branches.append(layers[0] if len(layers) == 1 else Sequential(*layers))
        shapes.append(after)
    if kind is Residual and len(branches) > 1:
        raise ConfigurationError("architecture_branches", text=text)
    layer: Layer = kind(*branches)
    known = [one for one in shapes if one is not None]
    if kind is Concatenate and len(known) == len(shapes):
        return layer, (*known[0][:-1], sum(one[-1] for one in known))
    return layer, None if kind is Concatenate else shapes[-1]


def _linear(
    width: int, size: int, brackets: str | None, following: str, text: str, part: str
) -> Linear:
    positional, named = _settings(brackets, part, text)
    if following.lower().replace("_", "").startswith("batchnorm"):
        named = {"bias": False, **named}
    layer: Linear = made(Linear, (width, size, *positional), named, part, given=2)
    return layer


def _with_settings(
    kind: Any, told: int | None, name: str, brackets: str | None, part: str, text: str
) -> Any:
    """The layer with its settings, of which one may be told: the first, or that of this name."""
    positional, named = _settings(brackets, part, text)
    if told is None:
        return made(kind, positional, named, part)
    place = list(inspect.signature(kind).parameters).index(name) if name else 0
    if len(positional) < place:
        return made(kind, positional, {**named, name: told}, part)
    return made(
        kind, (*positional[:place], told, *positional[place:]), named, part, given=place + 1
    )


def _settings(brackets: str | None, part: str, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What stands in a part's brackets, as a call's positional and named settings."""
    if brackets is None:
        return (), {}
    try:
        call: _Settings = spelled(part, f"settings{brackets}", {"settings": _Settings}, "")
    except ConfigurationError as problem:
        raise ConfigurationError("architecture_brackets", part=part, text=text) from problem
    return call.positional, call.named


class _Settings:
    """Settings as they were spelled, before it is known which class they are of."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self.positional = positional
        self.named = named


def _unknown(part: str, name: str, text: str) -> ConfigurationError:
    known = ", ".join(NAMES)
    if nearest := ", ".join(near(name, {one: one for one in NAMES})):
        return ConfigurationError(
            "architecture_unknown_near", part=part, text=text, nearest=nearest, known=known
        )
    return ConfigurationError("architecture_unknown", part=part, text=text, known=known)
