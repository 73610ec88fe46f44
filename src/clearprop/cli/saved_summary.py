"""What stands in the file of a saved network, and how its numbers are pointed at: as data, and as
text for a terminal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Shape, shape_text
from clearprop.base.configuration import encode
from clearprop.base.errors import ShapeError
from clearprop.base.text_tables import aligned, wrapped
from clearprop.cli.model_summary import model_lines
from clearprop.cli.table_samples import widths
from clearprop.engine.addresses import Address, InnerSpan, channels_path, image_wires, inner_shapes
from clearprop.engine.graph import join_path
from clearprop.engine.network import ForwardPass
from clearprop.engine.summary import repr_short
from clearprop.estimators.model_file import NOTE, holds_model
from clearprop.formats.network_contents import VERSION, SavedNetwork
from clearprop.reading.document import Document

WIDTH = 100


@dataclass(frozen=True)
class KeptArray:
    """An array of a file, by the name that `save` has for it."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True)
class AddressSpan:
    """All entries of one array, from the first address to the last."""

    first: str
    last: str
    count: int


@dataclass(frozen=True)
class SavedSummary(Document):
    """What stands in a file.

    version     of the format that it was written in
    networks    K where K networks are in it, otherwise 1
    layers      path, class with settings, shape of one sample's output (None: not known), and how
                many parameters, layer by layer
    parameters  of one network, shared ones counted once
    loss, optimizer  as they are written in a file; None where nothing is said
    step, batch_size, seed  where the training stands
    kept        the arrays beside the parameters
    classes     what the classes are called, by their ids
    notes       whatever else the writer wanted kept
    weights, neurons, samples  the addresses that --weight, --neuron and --sample take
    """

    version: int
    networks: int
    layers: tuple[Mapping[str, Any], ...]
    parameters: int
    loss: Any
    optimizer: Any
    step: int
    batch_size: int | None
    seed: int
    kept: tuple[KeptArray, ...]
    classes: tuple[str, ...]
    notes: Mapping[str, Any]
    weights: tuple[AddressSpan, ...]
    neurons: tuple[AddressSpan, ...]
    samples: int


def summary_in(saved: SavedNetwork) -> SavedSummary:
    """What a file says of itself."""
    graph, progress = saved.network.graph, saved.progress
    shapes = _shapes(saved)
    layers = [
        {
            "path": path,
            "layer": repr_short(node.layer),
            "output": shapes.get(path),
            "parameters": sum(int(np.prod(slot.shape)) for slot in node.parameters.values()),
        }
        for path, node in graph.nodes.items()
    ]
    return SavedSummary(
        version=saved.version,
        networks=len(saved.params) if saved.params.ndim == 2 else 1,
        layers=tuple(layers),
        parameters=graph.size,
        loss=encode(saved.loss),
        optimizer=encode(saved.optimizer),
        step=progress.step,
        batch_size=progress.batch_size,
        seed=progress.seed,
        kept=tuple(_kept(saved)),
        classes=saved.classes,
        notes=saved.notes,
        weights=tuple(_span(path, slot.shape) for path, slot in saved.network.layout.slots.items()),
        neurons=tuple(
            [_span(wire, shape) for wire, shape in shapes.items() if shape]
            + _channel_spans(saved)
            + _inner_spans(saved)
        ),
        samples=0 if saved.x is None else len(saved.x),
    )


def weight_addresses(saved: SavedNetwork) -> Iterator[str]:
    """Every address that --weight takes, in the order of the parameters."""
    for path, slot in saved.network.layout.slots.items():
        yield from _entries(path, slot.shape)


def neuron_addresses(saved: SavedNetwork) -> Iterator[str]:
    """Every address that --neuron takes, from the input on, and then those inside of layers; of
    wires whose shape is known."""
    for wire, shape in _shapes(saved).items():
        if shape:
            yield from _entries(wire, shape)
    for path, shape in _channels(saved).items():
        yield from _entries(path, shape)
    for path, span in _inside(saved).items():
        yield from _entries(path, span.shape)


def sample_addresses(saved: SavedNetwork) -> Iterator[str]:
    """The number of every sample that is kept."""
    return map(str, range(0 if saved.x is None else len(saved.x)))


def summary_text(saved: SavedNetwork, file: str, language: str) -> str:
    """All of it, for a terminal."""
    say = _Sayings(language)
    found = summary_in(saved)
    lines = [saved.network.summary(language, input_shape=_input_shape(saved))]
    is_model = holds_model(saved)
    if is_model:
        lines += model_lines(saved, file, language, WIDTH)
    if found.networks > 1:
        lines.append(say("networks", count=found.networks))
    lines += ["", say("training")]
    rows = [
        [say("loss"), "MSE()" if saved.loss is None else repr_short(saved.loss)],
        [say("optimizer"), say("none") if saved.optimizer is None else repr_short(saved.optimizer)],
    ]
    if saved.loss is None:
        rows[0][1] = say("loss_usual", loss=rows[0][1])
    if saved.optimizer is not None:
        size = say("all_samples") if found.batch_size is None else f"{found.batch_size:,}"
        rows += [
            [say("steps"), f"{found.step:,}"],
            [say("batch_size"), size],
            [say("seed"), str(found.seed)],
        ]
    lines += [f"  {line}" for line in aligned(rows, left=None)]
    lines += ["", say("kept")]
    kept = [[one.name, f"{shape_text(one.shape)} {one.dtype}"] for one in found.kept]
    lines += [f"  {line}" for line in aligned(kept, left=None)] if kept else [f"  {say('none')}"]
    if found.classes:
        named = [f"{number} = {name}" for number, name in enumerate(found.classes)]
        told = messages.text(language, "cli.comma").join(named)
        lines += wrapped(told, WIDTH, "    ", f"  {say('classes')}  ")
    for name, note in found.notes.items():
        if name == NOTE and is_model:
            continue
        lines += wrapped(f"{note}", WIDTH, "    ", f"  notes: {name}  ")
    lines += ["", say("addresses")]
    lines += [f"  {line}" for line in aligned(_address_rows(found, say), left=None)]
    if found.weights and found.samples:
        lines += ["", say("try", file=file, weight=found.weights[0].first)]
    elif not found.samples:
        lines += ["", say("no_sample")]
    if saved.network.start_state and not saved.state:
        lines += ["", say("statistics_lost")]
    if found.version < VERSION:
        lines += ["", say("older", version=found.version, known=VERSION)]
    return "\n".join(lines)


class _Sayings:
    def __init__(self, language: str) -> None:
        self._language = language

    def __call__(self, key: str, **values: object) -> str:
        return messages.text(self._language, f"cli.show.{key}", **values)


def _address_rows(found: SavedSummary, say: _Sayings) -> list[list[str]]:
    rows = []
    for option, spans in (("--weight", found.weights), ("--neuron", found.neurons)):
        for place, one in enumerate(spans):
            name = option if place == 0 else ""
            told = one.first if one.count == 1 else f"{one.first} … {one.last}"
            rows.append([name, told, f"{one.count:,}"])
    if found.samples:
        rows.append(["--sample", f"0 … {found.samples - 1}", f"{found.samples:,}"])
    return rows or [[say("none")]]


def _shapes(saved: SavedNetwork) -> Mapping[str, Shape | None]:
    """The shape of one sample on every wire, where it is known."""
    return saved.network.graph.shapes(_input_shape(saved))


def _input_shape(saved: SavedNetwork) -> Shape | None:
    """The shape of one sample, from those that are kept or from what the first layers take; None
    where it is no row, as of layers over time."""
    if saved.x is not None and saved.params.ndim == 1:
        return saved.x.shape[1:]
    try:
        inputs = widths(saved.network)[0]
    except ShapeError:
        return None
    return None if inputs is None else (inputs,)


def _inside(saved: SavedNetwork) -> Mapping[str, InnerSpan]:
    """What is inside of the layers, where a kept sample says how large it is."""
    forward = _first_pass(saved)
    return {} if forward is None else inner_shapes(forward)


def _channels(saved: SavedNetwork) -> Mapping[str, Shape]:
    """Every channel of every image, where a kept sample says how large it is."""
    forward = _first_pass(saved)
    images = {} if forward is None else image_wires(forward)
    return {
        channels_path(wire, channel): shape[1:]
        for wire, shape in images.items()
        for channel in range(shape[0])
    }


def _first_pass(saved: SavedNetwork) -> ForwardPass | None:
    if saved.x is None or saved.params.ndim > 1:
        return None
    state = saved.state or None
    return saved.network.forward(saved.params, saved.x[:1], training=False, state=state)


def _channel_spans(saved: SavedNetwork) -> list[AddressSpan]:
    """Every image from its first channel to its last."""
    grouped: dict[str, list[AddressSpan]] = {}
    for path, shape in _channels(saved).items():
        grouped.setdefault(path[: path.rindex("[")], []).append(_span(path, shape))
    return [_joined(spans) for spans in grouped.values()]


def _inner_spans(saved: SavedNetwork) -> list[AddressSpan]:
    """Every intermediate from its first entry to its last, over all heads or times."""
    grouped: dict[tuple[str, str], list[AddressSpan]] = {}
    for path, span in _inside(saved).items():
        grouped.setdefault((span.path, span.name), []).append(_span(path, span.shape))
    return [_joined(spans) for spans in grouped.values()]


def _joined(spans: list[AddressSpan]) -> AddressSpan:
    return AddressSpan(spans[0].first, spans[-1].last, sum(one.count for one in spans))


def _kept(saved: SavedNetwork) -> Iterator[KeptArray]:
    single = {"x": saved.x, "target": saved.target, "start": saved.start}
    arrays = {name: array for name, array in single.items() if array is not None}
    arrays |= {f"side input: {name}": array for name, array in saved.side_inputs.items()}
    for path, own in saved.state.items():
        arrays |= {f"state: {join_path(path, name)}": array for name, array in own.items()}
    arrays |= {f"optimizer: {name}": a for name, a in saved.progress.memory.slots.items()}
    arrays |= {f"arrays: {name}": array for name, array in saved.arrays.items()}
    for name, array in arrays.items():
        yield KeptArray(name, np.shape(array), str(np.asarray(array).dtype))


def _span(path: str, shape: Shape) -> AddressSpan:
    first = Address(path, (0,) * len(shape))
    last = Address(path, tuple(size - 1 for size in shape))
    return AddressSpan(str(first), str(last), int(np.prod(shape)))


def _entries(path: str, shape: Shape) -> Iterator[str]:
    for index in product(*map(range, shape)):
        yield str(Address(path, index))
