"""Exercises by search: candidates are drawn from a keyed generator until one is pleasant.

The same topic, level, seed and key give the same exercise again, whatever else was made before.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from clearprop.base.arrays import keyed_generator, require_seed
from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises import bugs, tutorial_slip
from clearprop.teaching.exercises.expressions import Expression, evaluate, inlined
from clearprop.teaching.exercises.layer_bugs import LAYER_BUGS, planted_in_layers
from clearprop.teaching.exercises.layer_generator import candidate, layer_blanks
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.naming import Label
from clearprop.teaching.exercises.pleasantness import MOVED, is_pleasant, settled
from clearprop.teaching.exercises.quantities import (
    NetworkShape,
    Quantity,
    QuantityKind,
    Unit,
    quantities,
    upstream,
)
from clearprop.teaching.exercises.sheet import Blank, Exercise, Given
from clearprop.teaching.exercises.small_network import Rows, SmallNetwork
from clearprop.teaching.exercises.topics import DENSE_TOPICS, LEVELS, TOPICS, Plan

# A pre-activation keeps away from ReLU's kink, and inside the table of sigmoid and tanh.
KINK, TABLE = 0.1, 2.0
# How far the decimals of a variant may be from those of the sheet that it should equal.
ALIKE = 0.15
RATE = 0.1
SMOOTH = ("sigmoid", "tanh", "softmax")
# Far more than any plan needs: the search is a loop that ends.
MOST_CANDIDATES = 1_000_000

POINTS: Mapping[QuantityKind, int] = MappingProxyType({"dz": 2, "da": 2})


def exercise(topic: str, level: int, *, seed: int = 0, key: str = "") -> Exercise:
    """The exercise of a topic (a name in `TOPICS`), a level from 1 to 3 and a seed.

    key   another variant of the same difficulty for every key, such as a student's id: the same
          network and blanks, as many negative numbers, and about as many decimals to write

    Raises ConfigurationError for a topic or level that does not exist, or an invalid seed.
    """
    if topic not in TOPICS:
        raise ConfigurationError("exercise_topic", name=topic, known=", ".join(TOPICS))
    if level not in LEVELS:
        raise ConfigurationError("exercise_level", value=level, last=LEVELS[-1])
    seed = require_seed(seed)
    sheet = _sheet(topic, level, seed)
    found = _search(topic, level, seed, key, sheet.digits) if key else sheet
    if topic == tutorial_slip.TOPIC:
        return tutorial_slip.slipped(found, _plan(topic, level).shape)
    if topic != bugs.TOPIC and topic not in LAYER_BUGS:
        return found
    generator = keyed_generator(seed, level, f"bug/{key}")
    if topic in LAYER_BUGS:
        return planted_in_layers(found, topic, generator)
    return bugs.planted(found, _plan(topic, level).shape, generator)


def worked(sheet: Exercise) -> Exercise:
    """The sheet with a blank for every number that is worked out on the way to what it asks for,
    which of a program with a mistake are more; the number of a line is none."""
    if isinstance(sheet.network, LayerNetwork) and sheet.topic in LAYER_BUGS:
        design = sheet.network.design
        return replace(sheet, blanks=layer_blanks(design, sheet.given_values) or sheet.blanks)
    if sheet.topic != bugs.TOPIC:
        return replace(sheet, blanks=tuple(one for one in sheet.blanks if one.kind != "line"))
    plan = _plan(sheet.topic, sheet.level)
    given = {one.name: one.value for one in sheet.givens}
    blanks = _blanks(plan, quantities(plan.shape), given)
    return sheet if blanks is None else replace(sheet, blanks=blanks)


# A class of variants is compared with one sheet, which is searched for once.
@lru_cache
def _sheet(topic: str, level: int, seed: int) -> Exercise:
    return _search(topic, level, seed, "", None)


def _plan(topic: str, level: int) -> Plan:
    return DENSE_TOPICS[topic][level - 1]


def _search(topic: str, level: int, seed: int, key: str, digits: int | None) -> Exercise:
    generator = keyed_generator(seed, level, f"exercise/{topic}/{key}")
    code = hashlib.sha256(f"{topic}/{level}/{seed}/{key}".encode()).hexdigest()[:8].upper()
    variant = f"{topic}{level}-{code}"
    make = (
        _dense_candidates(topic, level)
        if topic in DENSE_TOPICS
        else partial(candidate, LAYER_BUGS.get(topic, topic), level)
    )
    for _ in range(MOST_CANDIDATES):
        found = make(variant, generator)
        if found is None:
            continue
        if digits is None or abs(found.digits - digits) <= max(1.0, ALIKE * digits):
            return found
    raise ConfigurationError("exercise_not_found", topic=topic, level=level)


def _dense_candidates(
    topic: str, level: int
) -> Callable[[str, np.random.Generator], Exercise | None]:
    """What makes one candidate of a network of linear layers, or None where it is not pleasant."""
    plan = _plan(topic, level)
    known, labels = quantities(plan.shape), tuple(_given_labels(plan))

    def make(variant: str, generator: np.random.Generator) -> Exercise | None:
        drawn = _draw(plan, generator)
        if sum(value < 0 for value in drawn) != plan.negatives:
            return None
        given = {label.name: value for label, value in zip(labels, drawn, strict=True)}
        blanks = _blanks(plan, known, given)
        if blanks is None or not _tells_classes_apart(plan.shape, given):
            return None
        return Exercise(
            topic=topic,
            level=level,
            variant=variant,
            network=_network(plan.shape, given),
            givens=tuple(Given(*label, value=given[label.name]) for label in labels),
            blanks=blanks,
        )

    return make


def _given_labels(plan: Plan) -> Iterator[Label]:
    """What the numbers that `_draw` draws are called."""
    shape, naming = plan.shape, plan.shape.naming
    for n in range(shape.samples):
        yield from (naming.of_input("x", i, n) for i in range(shape.widths[0]))
    for layer in range(len(shape.activations)):
        outputs = range(shape.widths[layer + 1])
        for i in range(shape.widths[layer]):
            yield from (naming.weight(layer, i, j) for j in outputs)
        yield from (naming.of_unit("b", layer, j) for j in outputs)
    for n in range(shape.samples):
        yield from (_given_of_output(shape, j, n) for j in range(shape.widths[-1]))
    if plan.asked & {"new_w", "new_b"}:
        yield Label("eta", "*η*")


def _draw(plan: Plan, generator: np.random.Generator) -> list[float]:
    """The given numbers of one candidate: inputs are small whole numbers, the rest has one
    decimal."""
    shape = plan.shape
    # Inputs of different sizes: where two are equal, so are two gradients, and a mix-up is hidden.
    sizes = iter(generator.permutation([1, 2, 3, 4, 5]).tolist())
    values = [float(_sign(generator) * next(sizes)) for _ in range(shape.samples * shape.widths[0])]
    for inputs, outputs in pairwise(shape.widths):
        values += [_tenth(generator) for _ in range((inputs + 1) * outputs)]
    for _ in range(shape.samples):
        of_sample = int(generator.integers(shape.widths[-1])) if shape.has_classes else None
        for j in range(shape.widths[-1]):
            if of_sample is None:
                values.append(_tenth(generator, 2 if shape.target else 1))
            else:
                values.append(float(j == of_sample))
    if plan.asked & {"new_w", "new_b"}:
        values.append(RATE)
    return values


def _given_of_output(shape: NetworkShape, j: int, sample: int) -> Label:
    """What is given at an output: the target, or the derivative."""
    if shape.target:
        return shape.naming.of_output("t", j, sample)
    return upstream(shape, j, sample)


def _tenth(generator: np.random.Generator, most: int = 1) -> float:
    return _sign(generator) * int(1 + generator.random() * (10 * most - 1)) / 10


def _sign(generator: np.random.Generator) -> int:
    return -1 if generator.random() < 1 / 3 else 1


def _blanks(
    plan: Plan, known: Sequence[Quantity], given: Mapping[str, float]
) -> tuple[Blank, ...] | None:
    """The blanks of a candidate, or None where one of them is not pleasant."""
    values = dict(given)
    smooth = any(name in SMOOTH for name in plan.shape.activations)
    dead: set[Unit] = set()
    hidden: dict[str, Expression] = {}
    asked: list[tuple[Quantity, float]] = []
    for one in known:
        name = one.label.name
        # A given number stays given, and the update is not worked out where it is not asked for.
        if name in values or ("eta" not in values and one.kind in ("new_w", "new_b")):
            continue
        values[name] = value = evaluate(one.formula, values)
        if one.layer is not None and plan.shape.activations[one.layer] == "relu":
            if one.kind in ("z", "y") and abs(value) < KINK:
                return None
            if one.kind == "a" and value == 0:
                dead.update(unit for group in one.units for unit in group)
        if one.kind == "z" and smooth and abs(value) > TABLE:
            return None
        off = one.is_switched_off(dead)
        # That a neuron is off, and lets nothing back, is asked; what follows from it is not.
        if one.kind not in plan.asked or (off and one.kind not in ("a", "dz")):
            hidden[name] = one.formula
            continue
        if not off and not (is_pleasant(value, smooth=smooth) and _moves(one, value, values)):
            return None
        asked.append((one, value))
    if len(dead) != plan.dead:
        return None
    return tuple(
        Blank(
            *one.label,
            kind=one.kind,
            formula=inlined(one.formula, hidden),
            value=settled(value),
            points=POINTS.get(one.kind, 1),
        )
        for one, value in asked
    )


def _tells_classes_apart(shape: NetworkShape, values: Mapping[str, float]) -> bool:
    """Whether softmax's weights of every input differ: where they are equal the shares do not
    depend on it, and its derivative is 0."""
    if not shape.has_classes:
        return True
    inputs, classes = shape.widths[-2:]
    return all(
        len({values[shape.naming.weight(shape.last, i, j).name] for j in range(classes)}) == classes
        for i in range(inputs)
    )


def _moves(one: Quantity, value: float, values: dict[str, float]) -> bool:
    if one.kind not in ("new_w", "new_b"):
        return True
    return abs(value - values[one.label.name.removeprefix("new ")]) >= MOVED


def _network(shape: NetworkShape, values: Mapping[str, float]) -> SmallNetwork:
    naming, widths = shape.naming, shape.widths
    layers = range(len(shape.activations))
    weights = tuple(
        tuple(
            tuple(values[naming.weight(k, i, j).name] for j in range(widths[k + 1]))
            for i in range(widths[k])
        )
        for k in layers
    )
    biases = tuple(
        tuple(values[naming.of_unit("b", k, j).name] for j in range(widths[k + 1])) for k in layers
    )
    x = tuple(
        tuple(values[naming.of_input("x", i, n).name] for i in range(widths[0]))
        for n in range(shape.samples)
    )
    rate = values.get("eta", RATE)
    if shape.target:
        t = _output_rows(shape, values)
        return SmallNetwork(
            activations=shape.activations, weights=weights, biases=biases, x=x, t=t, rate=rate
        )
    # The targets at which the mean squared error has the derivatives that the sheet starts from:
    # ∂C/∂y = 2(y − t)/(N·D).
    start = SmallNetwork(
        activations=shape.activations, weights=weights, biases=biases, x=x, t=((0.0,),), rate=rate
    )
    y = start.network().forward(start.params(), np.array(x)).output
    dy = np.array(_output_rows(shape, values))
    t = tuple(map(tuple, (y - dy * y.size / 2).tolist()))
    return SmallNetwork(
        activations=shape.activations, weights=weights, biases=biases, x=x, t=t, rate=rate
    )


def _output_rows(shape: NetworkShape, values: Mapping[str, float]) -> Rows:
    """The given numbers at the outputs."""
    return tuple(
        tuple(values[_given_of_output(shape, j, n).name] for j in range(shape.widths[-1]))
        for n in range(shape.samples)
    )
