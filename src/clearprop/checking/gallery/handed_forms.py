"""Attention, loops over time and whole GPTs in the forms in which people hand code to `check`:
functions side by side, an object, parameters in a dictionary, in dictionaries within one another,
in a list of tuples, and a loss that returns its gradients.

Every mistake is handed over in one of them, in turn, and what is right in all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.gallery.attention_forms import FORMS
from clearprop.checking.gallery.planted import ALONE, Planted
from clearprop.checking.gallery.specimen import Arrays, Specimen, Written, written_specimen
from clearprop.checking.gallery.written_attention import ATTENTION
from clearprop.checking.gallery.written_gpt import GPTS
from clearprop.checking.gallery.written_loops import LOOPS
from clearprop.checking.request import Request

HANDED: tuple[Written, ...] = (*GPTS, *ATTENTION, *FORMS, *LOOPS)


def specimens(seeds: range) -> Iterator[Specimen]:
    """Every mistake as plain functions, and every one as it is handed over."""
    turn = 0
    for written in HANDED:
        for mistake in written.backwards:
            for seed in seeds:
                one = specimen(written, mistake, seed)
                if written in (*LOOPS, *GPTS):
                    yield one  # the others are among the written functions
                forms = [form for form in HANDED_AS if form != "loss_and_grads" or not one.dy.shape]
                for form in forms if not mistake else [forms[turn % len(forms)]]:
                    subject = f"{written.name} as {form}"
                    request = partial(HANDED_AS[form], one)
                    yield Planted(subject, one.mistake, request).specimen()
                turn += 1


def specimen(written: Written, mistake: str, seed: int = 0) -> Specimen:
    """A code with its mistake at a point; it is differentiated by what it has gradients of."""
    one = written_specimen(written, mistake, seed)
    asked = written.backwards[""](one.dy, one.arrays)
    return replace(one, variables=tuple(name for name in one.arrays if name in asked))


# The data of a code come first among its arrays; the others are its parameters.
DATA = ("x", "xs", "X", "T", "q", "Q", "memory", "ids", "targets", "inputs", "hprev")


def _parted(one: Specimen) -> tuple[dict[str, Array], dict[str, Array]]:
    """The data and the parameters."""
    data = {name: array for name, array in one.arrays.items() if name in DATA}
    return data, {name: array for name, array in one.arrays.items() if name not in DATA}


def _asked(one: Specimen) -> tuple[str, ...]:
    return one.variables or tuple(one.arrays)


def _signed(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """The function with these names of its arguments, as if it had been written with them."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(name.replace(".", "_"), kind) for name in names]
    function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return function


def functions(one: Specimen) -> Request:
    """forward(x, W, b) and backward(dy, x, W, b), which returns a tuple."""
    names, asked, back = [*one.arrays], _asked(one), one.start()

    def forward(*given: Any) -> Any:
        return one.forward(dict(zip(names, given, strict=True)))

    def backward(dy: Any, *given: Any) -> Any:
        found = back(np.asarray(dy), dict(zip(names, given, strict=True)))
        return tuple(found[name] for name in asked)

    return Request(
        _signed(forward, names),
        tuple(one.arrays.values()),
        backward=_signed(backward, ["dy", *names]),
        wrt=[name.replace(".", "_") for name in asked],
        witnesses=ALONE,
    )


class Model:
    """A model that keeps its parameters and, after a backward, their gradients."""

    def __init__(self, one: Specimen, params: Mapping[str, Array]) -> None:
        self._forward, self._backward = one.forward, one.start()
        self._names = [*params]
        for name, array in params.items():
            setattr(self, name.replace(".", "_"), array)

    def _arrays(self) -> dict[str, Any]:
        return {name: getattr(self, name.replace(".", "_")) for name in self._names}

    def forward(self, **data: Any) -> Any:
        """The output, or the loss."""
        self.cache = data
        return self._forward({**data, **self._arrays()})

    def backward(self, dy: Any = 1.0) -> Any:
        """∂C/∂(the data), and the others kept."""
        found = self._backward(np.asarray(dy), {**self.cache, **self._arrays()})
        for name in self._names:
            setattr(self, f"d{name.replace('.', '_')}", found[name])
        given = [found[name] for name in self.cache if name in found]
        return given[0] if len(given) == 1 else tuple(given) or None


def an_object(one: Specimen) -> Request:
    """model.forward(x), model.backward(dy), and model.dW after it."""
    data, params = _parted(one)
    names = [*data]

    class Written(Model):
        def forward(self, *given: Any) -> Any:  # type: ignore[override]
            return super().forward(**dict(zip(names, given, strict=True)))

    _signed(Written.forward, ["self", *names])
    return Request(Written(one, params), tuple(data.values()), witnesses=ALONE)


def _with_params(
    one: Specimen, packed: Callable[[Mapping[str, Any]], Any], unpacked: Callable[[Any], Any]
) -> Request:
    """forward(x, params) and backward(dy, x, params), which returns gradients laid out as the
    parameters are, behind those of the data."""
    data, params = _parted(one)
    names, back = [*data], one.start()
    by_data = [name for name in names if name in _asked(one)]

    def arrays(given: Sequence[Any]) -> dict[str, Any]:
        return {**dict(zip(names, given[:-1], strict=True)), **unpacked(given[-1])}

    def forward(*given: Any) -> Any:
        return one.forward(arrays(given))

    def backward(dy: Any, *given: Any) -> Any:
        found = back(np.asarray(dy), arrays(given))
        gradients = packed({name: found[name] for name in params})
        return (*(found[name] for name in by_data), gradients) if by_data else gradients

    return Request(
        _signed(forward, [*names, "params"]),
        (*data.values(), packed(params)),
        backward=_signed(backward, ["dy", *names, "params"]),
        witnesses=ALONE,
    )


def a_dictionary(one: Specimen) -> Request:
    """params["Wq"], or params["h.0.attn.Wq"]."""
    return _with_params(one, dict, dict)


def nested(one: Specimen) -> Request:
    """params["h"][0]["attn"]["Wq"]; a name without a dot stands in a dictionary of its own."""
    return _with_params(one, _nested, partial(_flat, order=[*_parted(one)[1]]))


def _nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for name, array in arrays.items():
        *path, last = name.split(".") if "." in name else ("layer", name)
        inside: Any = root
        for step, following in zip(path, [*path[1:], last], strict=True):
            empty: Any = [] if following.isdigit() else {}
            if step.isdigit():
                if len(inside) <= int(step):
                    inside.append(empty)
                inside = inside[int(step)]
            else:
                inside = inside.setdefault(step, empty)
        inside[last] = array
    return root


def _flat(root: Mapping[str, Any], *, order: Sequence[str]) -> dict[str, Any]:
    found = {}
    for name in order:
        inside: Any = root
        for step in name.split(".") if "." in name else ("layer", name):
            inside = inside[int(step)] if step.isdigit() else inside[step]
        found[name] = inside
    return found


def a_list_of_tuples(one: Specimen) -> Request:
    """params[0] = (W, b)."""
    order = [*_parted(one)[1]]
    pairs = [tuple(order[n : n + 2]) for n in range(0, len(order), 2)]

    def packed(arrays: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [tuple(arrays[name] for name in pair) for pair in pairs]

    def unpacked(params: Any) -> dict[str, Any]:
        return {
            name: array
            for pair, arrays in zip(pairs, params, strict=True)
            for name, array in zip(pair, arrays, strict=True)
        }

    return _with_params(one, packed, unpacked)


def loss_and_grads(one: Specimen) -> Request:
    """A loss that returns its gradients beside it, of (params, x, t)."""
    data, params = _parted(one)
    names, back = [*data], one.start()

    def run(given: Mapping[str, Any], *others: Any) -> Any:
        arrays: Arrays = {**dict(zip(names, others, strict=True)), **given}
        found = back(np.ones(()), arrays)
        return one.forward(arrays), {name: found[name] for name in params}

    run.__name__ = "loss_and_grads"
    return Request(_signed(run, ["params", *names]), (params, *data.values()), witnesses=ALONE)


HANDED_AS: Mapping[str, Callable[[Specimen], Request]] = {
    "functions": functions,
    "an object": an_object,
    "parameters in a dictionary": a_dictionary,
    "dictionaries within one another": nested,
    "a list of tuples": a_list_of_tuples,
    "loss_and_grads": loss_and_grads,
}
