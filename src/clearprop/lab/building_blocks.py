"""What a person can build with: every kind of layer, loss, optimizer and start with its settings
and their limits, as data.

The settings are those of the classes; what a layer takes is the shape of what comes in, and only
those that give another width say their own: `units` of a Linear layer and of one that goes through
time, `channels` of a convolution.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.arrays import Shape
from clearprop.base.errors import ConfigurationError
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.engine.layers.convolution import Conv2d
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.gru import GRU
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.lstm import LSTM
from clearprop.engine.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from clearprop.engine.layers.pooling import AvgPool2d, MaxPool2d
from clearprop.engine.layers.rectifiers import PReLU
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.reshaping import Flatten
from clearprop.engine.layers.rnn import RNN
from clearprop.engine.layers.softmax import LogSoftmax, Softmax
from clearprop.engine.optimizers import Clipped
from clearprop.kinds.kind_tables import (
    INITIALIZER_ROWS,
    LAYER_ROWS,
    LOSS_ROWS,
    OPTIMIZER_ROWS,
)

# What is still looked at number by number.
LIMITS: Mapping[str, int] = {
    "layers": 24,
    "units": 1024,
    "parameters": 150_000,
    "samples": 2000,
    "neurons_drawn": 64,
}


class Setting(NamedTuple):
    """A setting as a page asks for it; `kind` is whole, number or flag."""

    name: str
    kind: str
    default: Any
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Block:
    """A kind of layer: its settings, what makes one of them for samples of a shape, and as which
    field of the layer a setting stands that has another name."""

    settings: tuple[Setting, ...]
    make: Callable[[Mapping[str, Any], Shape], Layer]
    stands_as: Mapping[str, str] = field(default_factory=dict)

    def told(self, layer: Layer, shape: Shape) -> dict[str, Any] | None:
        """The settings that make this layer for samples of that shape; None where none do."""
        kept = {
            one.name: getattr(layer, self.stands_as.get(one.name, one.name))
            for one in self.settings
        }
        fits = all(_takes(one, kept[one.name]) for one in self.settings)
        return kept if fits and self.make(kept, shape) == layer else None


# What is known of a setting beside its type; a rate's upper end is that of a ruler, and no limit.
_BOUNDS: Mapping[str, tuple[float | None, float | None]] = {
    "learning_rate": (0.0, None),
    "probability": (0.0, 1.0),
    "momentum": (0.0, 1.0),
    "dampening": (0.0, 1.0),
    "alpha": (0.0, None),
    "weight_decay": (0.0, None),
    "label_smoothing": (0.0, 1.0),
    "delta": (0.0, None),
    "epsilon": (0.0, None),
    "eps": (0.0, None),
}
_KINDS = {float: "number", int: "whole", bool: "flag"}
# A layer's width is not asked for; an axis is always the last one here.
_NOT_ASKED = ("features", "inputs", "outputs", "axis", "ignore_index", "approximate")
USUAL_RATE = 0.01


def settings_of(kind: type[Any]) -> tuple[Setting, ...]:
    """The settings of a class that are a number or a flag."""
    found = []
    for one in fields(kind):
        if one.name in _NOT_ASKED:
            continue
        default = None if one.default is MISSING else one.default
        if one.name == "learning_rate":
            default = USUAL_RATE if default is None else default
        told = _KINDS.get(type(default))
        if told is not None:
            found.append(Setting(one.name, told, default, *_BOUNDS.get(one.name, (None, None))))
    return tuple(found)


def _linear(settings: Mapping[str, Any], shape: Shape) -> Layer:
    return Linear(shape[-1], settings["units"], bias=settings["bias"])


def _convolution(settings: Mapping[str, Any], shape: Shape) -> Layer:
    named = {name: value for name, value in settings.items() if name != "channels"}
    return Conv2d(shape[0], settings["channels"], **named)


def _through_time(kind: type[Recurrent]) -> Callable[[Mapping[str, Any], Shape], Layer]:
    return lambda settings, shape: kind(
        shape[-1], settings["units"], bias=settings["bias"], reverse=settings["reverse"]
    )


def _of_width(kind: type[Layer]) -> Callable[[Mapping[str, Any], Shape], Layer]:
    return lambda settings, shape: kind.from_settings({"features": shape[-1], **settings})


def _of_settings(kind: type[Layer]) -> Callable[[Mapping[str, Any], Shape], Layer]:
    return lambda settings, _: kind.from_settings(settings)


def _whole(name: str, default: int, least: int = 1) -> Setting:
    return Setting(name, "whole", default, least, LIMITS["units"])


def _blocks() -> Iterator[tuple[str, Block]]:
    units, bias = _whole("units", 8), Setting("bias", "flag", True)
    yield Linear.__name__, Block((units, bias), _linear, {"units": "outputs"})
    moved = (_whole("kernel", 3), _whole("stride", 1), _whole("padding", 0, 0), bias)
    channels = (_whole("channels", 4), *moved)
    yield Conv2d.__name__, Block(channels, _convolution, {"channels": "outputs"})
    for pool in (MaxPool2d, AvgPool2d):
        yield pool.__name__, Block((_whole("kernel", 2),), _of_settings(pool))
    yield Flatten.__name__, Block((), _of_settings(Flatten))
    for cell in (RNN, GRU, LSTM):
        asked = (units, bias, Setting("reverse", "flag", False))
        yield cell.__name__, Block(asked, _through_time(cell), {"units": "hidden"})
    heads = (_whole("heads", 2), Setting("causal", "flag", False), bias)
    yield MultiheadAttention.__name__, Block(heads, _of_width(MultiheadAttention))
    for kind in LAYER_ROWS:
        if issubclass(kind, Activation) or kind in (Dropout, PReLU, Softmax, LogSoftmax):
            yield kind.__name__, Block(settings_of(kind), _of_settings(kind))
        elif kind in (BatchNorm, LayerNorm, RMSNorm):
            yield kind.__name__, Block(settings_of(kind), _of_width(kind))


BLOCKS: Mapping[str, Block] = dict(_blocks())

# The layers' own, the tutorial's draw, the worked example's numbers, or one initializer for all.
STARTS: Mapping[str, tuple[Setting, ...]] = {
    "own": (),
    "tutorial": (),
    "worked_example": (),
    **{kind.__name__: settings_of(kind) for kind in INITIALIZER_ROWS},
}


def block_settings(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a layer, those that are left out by their defaults.

    Raises ConfigurationError for one that the kind does not have or that is not of its form.
    """
    known = {one.name: one for one in BLOCKS[kind].settings}
    for name, value in given.items():
        if name not in known:
            raise ConfigurationError(
                "setting_unknown", owner=kind, name=str(name)[:40], known=", ".join(known) or "—"
            )
        if not _takes(known[name], value):
            raise ConfigurationError("lab_setting", kind=kind, name=name, value=str(value)[:40])
    return {name: given.get(name, one.default) for name, one in known.items()}


def _takes(one: Setting, value: Any) -> bool:
    if isinstance(value, bool) or one.kind == "flag":
        return isinstance(value, bool) and one.kind == "flag"
    if not isinstance(value, int if one.kind == "whole" else int | float):
        return False
    below = one.least is not None and value < one.least
    return not below and (one.most is None or value <= one.most)


def kinds_told(language: str) -> dict[str, list[dict[str, Any]]]:
    """All kinds with their settings, for a page to offer."""
    return {
        "layers": [_told(name, one.settings, name) for name, one in BLOCKS.items()],
        "losses": [_told(kind.__name__, settings_of(kind), kind.__name__) for kind in LOSS_ROWS],
        "optimizers": [
            _told(kind.__name__, settings_of(kind), kind.__name__)
            for kind in OPTIMIZER_ROWS
            if kind is not Clipped
        ],
        "starts": [
            _told(name, settings, _start_title(name, language)) for name, settings in STARTS.items()
        ],
    }


def _start_title(name: str, language: str) -> str:
    if name in ("own", "tutorial", "worked_example"):
        return messages.text(language, f"lab.session.start.{name}")
    return name


def _told(name: str, settings: tuple[Setting, ...], title: str) -> dict[str, Any]:
    return {"name": name, "title": title, "fields": [one._asdict() for one in settings]}
