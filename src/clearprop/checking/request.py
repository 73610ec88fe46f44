"""From what a person hands to `check` to a subject, and from there to the verdict."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator, require_seed
from clearprop.base.errors import ClearpropError, ConfigurationError, ContractError
from clearprop.checking import partners
from clearprop.checking.checker import CheckSettings, verdicts
from clearprop.checking.subjects import (
    foreign,
    own_kinds,
    plain_functions,
    structures,
    written_forms,
)
from clearprop.checking.subjects.randomness import kept_state
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.subjects.written_names import positional
from clearprop.checking.verdict import Verdict, WitnessName, worst_outcome
from clearprop.checking.witnesses.reference import Reference, reference_for
from clearprop.compiled.blas import on_one_thread
from clearprop.engine.known_side_inputs import require_side_inputs
from clearprop.engine.layers.layer import Context, Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_EXAMPLES, LOSS_EXAMPLES
from clearprop.kinds.row import LayerExample, LossExample

# What is said of functions and objects that a person wrote.
OF_WRITTEN = ("backward", "gradient", "order", "wrt", "averaged")
FRAMEWORKS = (WitnessName.TORCH, WitnessName.JAX)


@dataclass(frozen=True, eq=False)
class Request:
    """The arguments of `clearprop.check`, which documents them."""

    target: Any
    arrays: Sequence[Any] = ()
    backward: Callable[..., Any] | None = None
    gradient: Callable[..., Any] | None = None
    order: Sequence[str] | None = None
    wrt: Sequence[str] | None = None
    x: Any = None
    t: Any = None
    params: Array | None = None
    loss: Loss | None = None
    dy: Any = None
    averaged: bool = False
    training: bool = True
    side_inputs: Mapping[str, Any] = field(default_factory=dict)
    against: Any = None
    twins: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    witnesses: Sequence[str] | None = None
    rtol: float | None = None
    atol: float | None = None
    seed: int = 0


def answer(request: Request) -> Verdict:
    """Check what was asked for. Raises what `clearprop.check` says."""
    *_, verdict = answers(request)
    return verdict


def answers(request: Request) -> Iterator[Verdict]:
    """The verdict as soon as it stands; where there is a mistake to name, once more with its name,
    which takes longer to find. Raises what `clearprop.check` says."""
    with kept_state(), on_one_thread():
        yield from _answers(request)


def _answers(request: Request) -> Iterator[Verdict]:
    _require_valid(request)
    settings = CheckSettings(request.witnesses, request.rtol, request.atol, request.seed)
    made = _of_a_class(request)
    if made is not None:
        last = [list(_answers(one))[-1] for one in made]
        yield _together(request.target.__name__, last)
        return
    subject = _with_twins(subject_of(request), request)
    reference: Reference | None = None
    if request.against is not None:
        reference = reference_for(subject, request.against, request.loss, request.seed)
        if isinstance(request.against, Layer):
            subject = replace(subject, layer=request.against)
    yield from verdicts(subject, settings, reference)


def subject_of(request: Request) -> Subject:
    """The subject of a request for one thing, not for a class.

    Raises ConfigurationError for a network without its data, and what the thing's own subject
    raises.
    """
    target = request.target
    if isinstance(target, Loss) and (request.backward or request.gradient) is not None:
        value = _value_of(target, request.backward or request.gradient)
        return _of_functions(replace(request, target=value), request.arrays, None)
    beside = _side_inputs(request)
    context = Context(training=request.training, seed=request.seed, side_inputs=beside)
    x, t, dy = (_optional(name, getattr(request, name)) for name in ("x", "t", "dy"))
    if x is None and request.arrays and isinstance(target, Layer | Loss | Network):
        x = plain_functions.as_array("x", request.arrays[0])
        if len(request.arrays) > 1:
            t = plain_functions.as_array("t", request.arrays[1])
    if isinstance(target, Layer) and request.loss is not None:
        target = Network(target)
    if isinstance(target, Layer):
        return own_kinds.layer_subject(target, x, request.params, dy, context, request.seed)
    if isinstance(target, Loss):
        return own_kinds.loss_subject(target, x, t, request.seed)
    if isinstance(target, Network):
        if x is None or (request.loss is not None and t is None):
            raise ConfigurationError("check_network_data")
        loss, params = request.loss, request.params
        return own_kinds.network_subject(target, x, t, loss, params, dy, context, request.seed)
    arrays = list(request.arrays) if x is None else [x, *request.arrays]
    made = foreign.subject_of(target, arrays, dy, request.wrt)
    if made is not None:
        return made
    return _of_functions(request, arrays, dy)


def _side_inputs(request: Request) -> Mapping[str, Array]:
    """What a layer or a network reads beside x. Raises ConfigurationError for anything else, and
    what `require_side_inputs` raises."""
    target = request.target
    if not request.side_inputs:
        return EMPTY
    if not isinstance(target, Layer | Network):
        raise ConfigurationError("check_side_inputs")
    network = Network(target) if isinstance(target, Layer) else target
    return require_side_inputs(request.side_inputs, network.side_inputs)


def _value_of(loss: Loss, gradient: Any) -> Callable[[Array, Array], Array]:
    """A loss of ours as a function, whose gradient somebody else has written: its arguments are
    called as that one calls them."""

    def evaluate(output: Array, target: Array) -> Array:
        return np.asarray(loss.evaluate(output, target).value)

    evaluate.__name__ = type(loss).__name__
    named = positional(gradient) or ()
    if len(named) == len(inspect.signature(evaluate).parameters):
        evaluate.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    return evaluate


def _of_functions(request: Request, arrays: Sequence[Any], dy: Array | None) -> Subject:
    target = request.target
    if isinstance(target, type):
        target = partners.made_instance(target)
    known = structures.is_object(target)
    if not (callable(target) or known):
        raise ContractError("check_target", came=plain_functions.described(target))
    if not arrays and not known:
        raise ConfigurationError("check_no_arrays", function=plain_functions.function_name(target))
    return written_forms.written_subject(
        target,
        arrays,
        backward=request.backward,
        gradient=request.gradient,
        order=request.order,
        wrt=request.wrt,
        dy=dy,
        averaged=request.averaged,
        seed=request.seed,
    )


def _of_a_class(request: Request) -> list[Request] | None:
    """The requests for a class: its examples in the catalogue, or one made without settings."""
    kind = request.target
    if not (isinstance(kind, type) and issubclass(kind, Layer | Loss)):
        return None
    anywhere = request.x is None and not request.arrays
    if anywhere and issubclass(kind, Layer) and kind in LAYER_EXAMPLES:
        return [of_example(request, example) for example in LAYER_EXAMPLES[kind]]
    if anywhere and issubclass(kind, Loss) and kind in LOSS_EXAMPLES:
        return [of_loss_example(request, example) for example in LOSS_EXAMPLES[kind]]
    try:
        return [replace(request, target=kind())]
    except (TypeError, ClearpropError) as problem:
        raise ContractError("check_class", name=kind.__name__, problem=problem) from problem


def of_example(request: Request, example: LayerExample) -> Request:
    """The request for a layer of the catalogue at a point of its own."""
    generator = keyed_generator(request.seed, path="example")
    shape = (own_kinds.SAMPLES, *example.input_shape)
    x: Array = generator.normal(size=shape)
    if example.ids is not None:
        x = generator.integers(example.ids, size=shape)
    training = request.training and example.training
    return replace(request, target=example.layer, x=x, training=training)


def of_loss_example(request: Request, example: LossExample) -> Request:
    """The request for a loss of the catalogue at a point of its own."""
    generator = keyed_generator(request.seed, path="example")
    output, target = example.draw(generator, own_kinds.SAMPLES)
    return replace(request, target=example.loss, x=output, t=target)


def _together(name: str, parts: list[Verdict]) -> Verdict:
    """One verdict of several: their arrays with the subject's name before them."""
    if len(parts) == 1:
        return parts[0]
    return Verdict(
        name=name,
        outcome=worst_outcome(one.outcome for one in parts),
        arrays=tuple(replace(a, name=f"{one.name}: {a.name}") for one in parts for a in one.arrays),
        findings=tuple(finding for one in parts for finding in one.findings),
        witnesses=tuple(
            replace(w, name=f"{one.name}: {w.name}") for one in parts for w in one.witnesses
        ),
        mistakes=tuple(mistake for one in parts for mistake in one.mistakes),
        candidates=tuple(candidate for one in parts for candidate in one.candidates),
        not_compared=tuple(left_out for one in parts for left_out in one.not_compared),
        not_exercised=tuple(unseen for one in parts for unseen in one.not_exercised),
    )


def _with_twins(subject: Subject, request: Request) -> Subject:
    """The subject with the computations that torch and JAX have for it, where they are installed
    and were not left out."""
    twins = dict(subject.twins)
    for name in FRAMEWORKS:
        if request.witnesses is not None and name not in request.witnesses:
            continue
        wanted = request.witnesses is not None
        if name in request.twins:
            twins[name] = foreign.function_twin(name, request.twins[name])
        elif (twin := foreign.our_twin(name, subject, required=wanted)) is not None:
            twins[name] = twin
    return replace(subject, twins=twins)


def _require_valid(request: Request) -> None:
    require_seed(request.seed)
    _require_heeded(request)
    for name in request.witnesses or ():
        if name not in list(WitnessName):
            known = ", ".join(WitnessName)
            raise ConfigurationError("check_witness", name=name, known=known)
    for name in request.twins:
        if name not in FRAMEWORKS:
            raise ConfigurationError("check_witness", name=name, known=", ".join(FRAMEWORKS))
    for option in ("rtol", "atol"):
        value = getattr(request, option)
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise ConfigurationError("check_tolerance", option=option, value=value)


def _require_heeded(request: Request) -> None:
    """Refuse what would be left unheeded: a layer or a network of ours has its own backward, whose
    arguments are known; a loss may have somebody else's gradient."""
    target, options = request.target, list(OF_WRITTEN)
    kind = target if isinstance(target, type) else type(target)
    if not issubclass(kind, Layer | Loss | Network):
        return
    if issubclass(kind, Loss):
        options = [] if (request.backward or request.gradient) is not None else options[2:]
    given = [one for one in options if getattr(request, one) not in (None, False)]
    if given:
        raise ConfigurationError("check_not_heeded", option=given[0], name=kind.__name__)


def _optional(name: str, value: Any) -> Array | None:
    return None if value is None else plain_functions.as_array(name, value)
