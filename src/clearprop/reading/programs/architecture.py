"""Networks as people spell them: `1-10-relu-1`, `4-16-gelu-dropout(0.3)-3`.

    network   part-part-…             from the input to the output
    part      size                    the first one counts the input's features; every other one is
                                      a Linear to that many units
              size(settings)          16(bias=false)
              layer                   a layer's name: relu, layernorm, softmax …
              layer(settings)         leakyrelu(0.1), batchnorm(momentum=none)
              residual(network)       8-residual(16-tanh-8)-1; the sizes go on from outside
              add(network, network)   8-add(tanh, 16-relu-8)-1; concatenate likewise

Layers that need to know how many features come in are told. A Linear before a batchnorm has no
bias unless `bias=true` is said: the normalization would take it off again. `embedding(5, 3)` stands
first, where the input is ids. Upper and lower case are alike.
"""

import re
from typing import Any

from clearprop.base.errors import ConfigurationError
from clearprop.engine.combinators import Combinator, Concatenate, Residual, Sequential
from clearprop.engine.layers.layer import Layer, with_features
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_ROWS, LAYERS
from clearprop.reading.programs.spelling import found, made, near, spelled

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
    width = None
    first = _SIZE.fullmatch(parts[0])
    if first and not first[2]:
        if len(parts) == 1:
            raise ConfigurationError("architecture_alone", text=text)
        # Linear refuses a size of 0 with its own sentence.
        width, parts = int(first[1]), parts[1:]
    layers, _ = _layers(parts, width, text)
    network = Network(Sequential(*layers))
    if network.size > LARGEST:
        raise ConfigurationError(
            "architecture_large", text=text, size=f"{network.size:,}", most=f"{LARGEST:,}"
        )
    return network


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


def _layers(parts: list[str], width: int | None, text: str) -> tuple[list[Layer], int | None]:
    layers: list[Layer] = []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        layer, width = _layer(part, following, width, text)
        layers.append(layer)
    return layers, width


def _layer(part: str, following: str, width: int | None, text: str) -> tuple[Layer, int | None]:
    """The layer that a part spells for so many features, and how many it gives."""
    if size := _SIZE.fullmatch(part):
        if width is None:
            raise ConfigurationError("architecture_size", part=part, text=text)
        return _linear(width, int(size[1]), size[2], following, text, part), int(size[1])
    named = _NAMED.fullmatch(part)
    if named is None:
        key = "architecture_brackets" if set(part) & set("()") else "architecture_unknown"
        raise ConfigurationError(key, part=part, text=text, known=", ".join(NAMES))
    name, brackets = named[1], named[2]
    kind = found(name, {one: LAYERS[one] for one in LAYERS if one not in _SPELLED_OTHERWISE})
    if kind is None:
        raise _unknown(part, name, text)
    if issubclass(kind, Combinator):
        return _combined(kind, (brackets or "()")[1:-1], width, text)
    row = LAYER_ROWS[kind]
    if row.told_features:
        if width is None:
            raise ConfigurationError("architecture_size", part=part, text=text)
        told = _with_settings(kind, (width,), brackets, part, text)
        return told, _features_behind(told, width)
    layer = _with_settings(kind, (), brackets, part, text)
    if row.ids is None and width is None:
        return layer, None
    if row.ids is not None:
        return layer, layer.output_shape(())[-1]
    return layer, None if width is None else _features_behind(layer, width)


def _features_behind(layer: Layer, width: int) -> int:
    """How many features a layer gives for so many, whatever axes stand before them."""
    shape = layer.output_shape(with_features(None, width))
    return width if shape is None else shape[-1]


def _combined(kind: Any, inner: str, width: int | None, text: str) -> tuple[Layer, int | None]:
    """A combinator of the branches that stand between commas, and how many features it gives."""
    branches: list[Layer] = []
    widths: list[int | None] = []
    for branch in _split(inner, text, ","):
        layers, after = _layers(_split(branch, text), width, text)
        branches.append(layers[0] if len(layers) == 1 else Sequential(*layers))
        widths.append(after)
    if kind is Residual and len(branches) > 1:
        raise ConfigurationError("architecture_branches", text=text)
    layer: Layer = kind(*branches)
    if kind is Concatenate:
        return layer, None if None in widths else sum(filter(None, widths))
    return layer, widths[-1]


def _linear(
    width: int, size: int, brackets: str | None, following: str, text: str, part: str
) -> Linear:
    positional, named = _settings(brackets, part, text)
    if following.lower().replace("_", "").startswith("batchnorm"):
        named = {"bias": False, **named}
    layer: Linear = made(Linear, (width, size, *positional), named, part, given=2)
    return layer


def _with_settings(
    kind: Any, given: tuple[Any, ...], brackets: str | None, part: str, text: str
) -> Any:
    positional, named = _settings(brackets, part, text)
    return made(kind, (*given, *positional), named, part, given=len(given))


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
