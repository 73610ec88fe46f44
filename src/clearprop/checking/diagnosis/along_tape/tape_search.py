"""The hypotheses of a tape: every slip, at one part or several, and those with a number in them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.checking.diagnosis.along_tape.attention_slips import of_attention
from clearprop.checking.diagnosis.along_tape.broadcast_slips import of_broadcasts
from clearprop.checking.diagnosis.along_tape.fitted_slips import (
    beside_penalty,
    factors_beside_penalty,
    factors_on_the_way,
    other_penalties,
    updated_weights,
)
from clearprop.checking.diagnosis.along_tape.function_slips import of_functions
from clearprop.checking.diagnosis.along_tape.image_parts import ImagePart, whole_image, with_images
from clearprop.checking.diagnosis.along_tape.linear_slips import (
    of_affine,
    of_biases,
    samples_axis,
)
from clearprop.checking.diagnosis.along_tape.loop_slips import of_loops
from clearprop.checking.diagnosis.along_tape.loss_slips import (
    counted_positions,
    of_entropy,
    of_penalties,
    of_shares,
)
from clearprop.checking.diagnosis.along_tape.norm_slips import of_drops, of_lookups, of_normals
from clearprop.checking.diagnosis.along_tape.part_kinds import Affine
from clearprop.checking.diagnosis.along_tape.repeated_slips import repeated
from clearprop.checking.diagnosis.along_tape.round_slips import of_every_round
from clearprop.checking.diagnosis.along_tape.screening import screen_of
from clearprop.checking.diagnosis.along_tape.tape_parts import Parts
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip, hypothesis
from clearprop.checking.diagnosis.along_tape.way_slips import (
    anywhere,
    of_copies,
    of_rounds,
    of_ways,
)
from clearprop.checking.diagnosis.along_tape.window_slips import of_images
from clearprop.checking.diagnosis.behaviour import run_again
from clearprop.checking.diagnosis.choice import weighed
from clearprop.checking.diagnosis.evidence import Deadline, Evidence
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    Budget,
    Discrepancy,
    Hypothesis,
    Weighed,
    scale,
)
from clearprop.checking.diagnosis.recording.recorded_forward import recorded
from clearprop.checking.verdict.mistakes import MistakeKind

# Names that arrays of samples have.
SAMPLES = frozenset(
    [
        "x",
        "xs",
        "inputs",
        "input",
        "data",
        "images",
        "features",
        "samples",
        "a0",
        "batch",
        "x_train",
        "xb",
    ]
)


# Wires that are worth going along.
LONGEST = 3_000
# What makes the slips, the likeliest first.
FAMILIES: tuple[Callable[[TapePass], Iterator[TapeSlip]], ...] = (
    of_functions, of_images, of_broadcasts, of_shares, of_entropy, of_normals, of_drops, of_lookups,
    of_penalties, of_ways, of_rounds, of_biases, of_affine, anywhere, of_copies,
)  # fmt: skip
# One for every pair of places.
OF_OTHER_PLACES = (MistakeKind.WRONG_CACHE, MistakeKind.WRONG_SIGNAL)
# How long one step along a tape takes, and one entry: what a budget is reckoned with.
SECONDS_A_WIRE, SECONDS_AN_ENTRY = 6e-6, 1e-8


def taped(discrepancy: Discrepancy) -> TapePass | None:
    """The way back along the tape of what was checked; None where its forward leaves none, or one
    that does not give the expected gradients."""
    found = pass_of(discrepancy.evidence)
    return found if found is not None and _agrees(discrepancy, found) else None


def pass_of(evidence: Evidence, *, has_images: bool = True) -> TapePass | None:
    """The way back along the tape of the evidence's forward, whether it agrees or not; convolutions
    and poolings are looked for unless it is known that there are none."""
    if evidence.run is None:
        return None
    arrays = {name: np.asarray(array) for name, array in evidence.arrays.items()}
    output = np.asarray(evidence.output)
    # A convolution by itself is seen by its arrays, and may be a loop of thousands of steps.
    whole = whole_image(arrays, output) if has_images else None
    tape = whole or recorded(evidence.run, arrays, output)
    if tape is None or not tape.leaves:
        return None
    images: Mapping[int, ImagePart] = {}
    if has_images:
        tape, images = with_images(tape)
    if len(tape.order) > LONGEST:
        return None
    dy = np.asarray(evidence.output_gradient, np.float64)
    dy = dy.reshape(tape.wires[tape.output].value.shape)
    asked = frozenset(evidence.expected)
    data = _data(evidence, {**arrays, **dict.fromkeys(tape.leaves)})
    return TapePass(tape, Parts(tape, data, images), dy, arrays, asked)


def _data(evidence: Evidence, arrays: Collection[str]) -> frozenset[str]:
    """The arrays that are no parameters: those without a gradient, and the samples."""
    data = {name for name in arrays if name not in evidence.expected}
    data |= {name for name in arrays if name.lower() in SAMPLES}
    first = next(iter(arrays))
    if not data and not first.lower().startswith(("w", "theta")):
        data.add(first)
    return frozenset(data)


def _agrees(discrepancy: Discrepancy, found: TapePass) -> bool:
    for name, mine in found.right.items():
        if name not in discrepancy.expected:
            continue
        right = discrepancy.expected[name]
        near = max(discrepancy.evidence.tolerance(name), USUAL * scale(right))
        if mine.size != right.size:
            return False
        off = np.abs(mine.reshape(right.shape) - right) > 10 * near
        if np.any(off & ~_kinks(discrepancy, name)):
            return False
    return True


def _kinks(discrepancy: Discrepancy, name: str) -> Array:
    """Where differences met a kink, and so say little."""
    shape = discrepancy.expected[name].shape
    kinks = discrepancy.evidence.kinks.get(name)
    return np.zeros(shape, bool) if kinks is None or kinks.shape != shape else kinks


def _at_kinks(discrepancy: Discrepancy, found: TapePass) -> dict[str, Array]:
    """The expected gradients, of the tape where differences met a kink and the claim is beside
    both slopes."""
    expected = dict(discrepancy.expected)
    for name in expected:
        kinks, right, claimed = _kinks(discrepancy, name), expected[name], discrepancy.claimed[name]
        if name in found.right and kinks.any() and claimed.shape == right.shape:
            beside = kinks & (np.abs(claimed - right) > discrepancy.evidence.tolerance(name))
            expected[name] = np.where(beside, found.right[name].reshape(right.shape), right)
    return expected


def counted(discrepancy: Discrepancy, found: TapePass) -> Discrepancy:
    """The discrepancy with what the tape tells: the numbers of samples and outputs, and the slopes
    where differences met a kink."""
    discrepancy = replace(discrepancy, expected=_at_kinks(discrepancy, found))
    for one in reversed(found.parts.affine):
        out = found.value(one.out)
        axis = samples_axis(found, one)
        if axis is None:
            # One sample, or one at a time in a loop.
            rounds = sum(other.leaves == one.leaves for other in found.parts.affine)
            return replace(discrepancy, batch=(rounds,), features=out.size)
        rows = out.shape[axis]
        batch = [rows]
        if one.place == 1 and out.ndim > 2:
            batch += [int(np.prod(out.shape[:-1])), *out.shape[1:-1]]
        return replace(
            discrepancy,
            batch=tuple(dict.fromkeys([*counted_positions(found), *batch])),
            features=_features(found, one, rows),
        )
    return discrepancy


def _features(found: TapePass, one: Affine, rows: int) -> int:
    """How many outputs one sample has."""
    out = found.value(one.out)
    if found.value(one.weight).ndim < 2:
        return 1
    return out.shape[-1] if one.place == 1 else out.size // rows


def all_slips(found: TapePass) -> Iterator[TapeSlip]:
    """Every slip, the likeliest sorts first, and of each sort those at several parts at once."""
    yield from of_attention(found)
    yield from of_loops(found)
    for family in FAMILIES:
        alone = [*family(found)]
        yield from repeated(alone)
        yield from alone
    # There are most of these, and they ask nothing of what a loop computes.
    yield from of_every_round(found)


def on_tape(
    discrepancy: Discrepancy,
    found: TapePass,
    budget: Budget,
    is_wanted: Callable[[TapeSlip], bool] = lambda slip: True,
    are_fitted: Callable[[], bool] = lambda: True,
) -> Iterator[tuple[Weighed, tuple[TapeSlip, ...]]]:
    """Every slip that is wanted, weighed, with the slip itself; then those with a number in them
    that has to be fitted, where they are wanted by then."""
    screen = screen_of(discrepancy, found)
    for slip in all_slips(found):
        if not is_wanted(slip):
            continue
        if not budget.spend():
            return
        fallen = screen.lost(slip) if screen is not None else None
        if fallen is not None:
            yield fallen, (slip,)
            continue
        made = hypothesis(found, slip)
        if slip.key is not MistakeKind.GRADIENT_STOPS or _stops_at_a_parameter(found, made):
            yield weighed(discrepancy, made), (slip,)
    fits = are_fitted()
    for slip in updated_weights(discrepancy, found) if fits else ():
        yield weighed(discrepancy, hypothesis(found, slip)), (slip,)
    for made in (
        *beside_penalty(discrepancy, found),
        *other_penalties(discrepancy, found),
        *factors_beside_penalty(discrepancy, found),
        *(factors_on_the_way(discrepancy, found) if fits else ()),
    ):
        yield weighed(discrepancy, made), ()


def _stops_at_a_parameter(found: TapePass, made: Hypothesis) -> bool:
    return any(
        name not in found.parts.data and not np.any(array) and np.any(found.right[name])
        for name, array in made.predicted.items()
    )


def budget_of(found: TapePass, seconds: float, deadline: Deadline | None) -> Budget:
    """How many slips can be tried in about so many seconds, whatever the machine does meanwhile."""
    entries = sum(wire.value.size for wire in found.tape.order)
    each = SECONDS_A_WIRE * len(found.tape.order) + SECONDS_AN_ENTRY * entries
    return Budget(int(seconds / each), deadline)


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """The same code at another point, where a mistake that is in the code is made as well."""

    discrepancy: Discrepancy
    found: TapePass


def elsewhere(discrepancy: Discrepancy, found: TapePass) -> tuple[Elsewhere | None, str]:
    """The code run at another point with another upstream gradient, and what it raised, if it did.

    Only arrays with a gradient are moved, by a tenth towards 0: what is between 0 and 1 stays
    there, and labels, which are whole numbers, stay what they are.
    """
    evidence = discrepancy.evidence
    generator = keyed_generator(0, path="elsewhere")
    arrays = dict(evidence.arrays)
    for name in discrepancy.expected:
        array = np.asarray(arrays[name])
        if array.dtype.kind == "f" and np.any(array % 1):
            factor = 1 - 0.1 * generator.uniform(0.2, 1, size=array.shape)
            arrays[name] = (array * factor).astype(array.dtype)
    dy = np.asarray(evidence.output_gradient)
    if dy.shape:
        drawn = generator.normal(size=dy.shape) * (scale(dy) or 1.0)
        dy = drawn.astype(dy.dtype)
    claimed, problem = run_again(discrepancy, dy, arrays)
    if claimed is None or evidence.forward is None:
        return None, problem
    moved = replace(
        evidence, arrays=arrays, output=evidence.forward(arrays), output_gradient=dy, backward=None
    )
    other = pass_of(moved, has_images=bool(found.parts.images))
    if other is None or not {*found.right} <= {*other.right}:
        return None, ""
    names = [name for name in discrepancy.expected if name in other.right]
    looked_at = Discrepancy.of(
        replace(
            moved,
            claimed={name: claimed[name] for name in names},
            expected={
                name: other.right[name].reshape(discrepancy.expected[name].shape) for name in names
            },
            tolerances={},
        )
    )
    if looked_at is None:
        return None, ""
    return Elsewhere(
        replace(looked_at, batch=discrepancy.batch, features=discrepancy.features), other
    ), ""
