"""Mistakes of attention, of whole GPTs and of loops over time, in the forms that people write."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import Linear, Network, Sequential, check
from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.recording.recorded_forward import recorded
from clearprop.checking.gallery import attention_forms, written_gpt, written_loops
from clearprop.checking.gallery.handed_forms import HANDED, HANDED_AS, specimen
from clearprop.checking.gallery.planted import ALONE, WrittenLayer
from clearprop.checking.gallery.specimen import STRANGER, Specimen, Written
from clearprop.checking.request import answer
from clearprop.checking.targets import request_for
from clearprop.checking.verdict import Verdict
from tests.sweeps import first_of


def named(found: Any) -> list[str]:
    """The keys that are named, none of them with an alternative."""
    assert all(not one.alternatives for one in found), found
    return [str(one.key) for one in found]


def form(forms: tuple[Written, ...], name: str) -> Written:
    (one,) = [one for one in forms if one.name == name]
    return one


def said(written: Written, mistake: str) -> None:
    one = specimen(written, mistake)
    rejected, found = one.judged()
    assert rejected == bool(mistake)
    assert named(found) == ([] if mistake in ("", STRANGER) else [one.mistake]), mistake


OF_FORMS = [(one.name, mistake) for one in attention_forms.FORMS for mistake in one.backwards]


@pytest.mark.parametrize(("name", "mistake"), OF_FORMS[::6])
def test_attention_in_any_form_has_its_mistakes_named(name: str, mistake: str) -> None:
    said(form(attention_forms.FORMS, name), mistake)


@pytest.mark.parametrize(
    "mistake",
    ["path_forgotten, of the head", "ignored_counted"],
)
def test_a_gpt_has_its_mistakes_named(mistake: str) -> None:
    said(form(written_gpt.GPTS, "a GPT of one block"), mistake)


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("letters one by one", "state_after"),
        ("letters one by one", "one_time, of Whh"),
        ("an LSTM with a matrix for each gate", "cell_forgotten"),
        ("two directions", "direction_order, of x"),
        ("sequences of several lengths", "lengths_ignored"),
        ("sequences that are masked by numbers", "one_time"),
    ],
)
def test_a_loop_over_time_has_its_mistakes_named(name: str, mistake: str) -> None:
    said(form(written_loops.LOOPS, name), mistake)


# Every third of the small ones and every seventh loop. The entries of a whole GPT take long to be
# moved one by one, whatever the search for names takes: a few of its mistakes, in one block.
EVERY = [
    (one.name, mistake)
    for one in HANDED
    if one not in written_gpt.GPTS
    for mistake in [*one.backwards][:: 7 if one in written_loops.LOOPS else 3]
] + [
    ("a GPT of one block", mistake) for mistake in ("residual_branch", "heads_order, of q, k and v")
]


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "mistake"), EVERY)
def test_whatever_form_it_is_handed_over_in_it_has_its_name(name: str, mistake: str) -> None:
    one = specimen(form(HANDED, name), mistake)
    forms = [key for key in HANDED_AS if key != "loss_and_grads" or not one.dy.shape]
    turn = EVERY.index((name, mistake))
    for key in forms if not mistake else [forms[turn % len(forms)]]:
        verdict = answer(HANDED_AS[key](one))
        assert verdict.outcome == ("wrong" if mistake else "right"), key
        assert named(verdict.mistakes) == ([] if mistake in ("", STRANGER) else [one.mistake]), key


# A layer of one's own, in a network


def in_a_network(written: Written, mistake: str) -> Verdict:
    one: Specimen = specimen(written, mistake)
    width = one.arrays["x"].shape[-1]
    layer = WrittenLayer(one, one.start())
    network = Network(Sequential(Linear(width, width), layer, Linear(one.dy.shape[-1], 2)))
    return check(network, x=one.arrays["x"], witnesses=ALONE)


@pytest.mark.parametrize("mistake", ["", "attention_scale_missing", "heads_order"])
def test_attention_as_ones_own_layer_in_a_network(mistake: str) -> None:
    verdict = in_a_network(form(attention_forms.FORMS, "one matrix for q, k and v"), mistake)
    assert verdict.outcome == ("wrong" if mistake else "right")
    assert named(verdict.mistakes) == ([mistake] if mistake else [])


# Shapes in which two things look alike, and narrow numbers


def scaled_attention(q: Array, k: Array, v: Array) -> tuple[Array, tuple[Array, ...]]:
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    w = powers / powers.sum(axis=-1, keepdims=True)
    return w @ v, (q, k, v, w)


def backward_of(scale: Callable[[int], float]) -> Callable[..., tuple[Array, ...]]:
    def backward(dy: Array, cache: tuple[Array, ...]) -> tuple[Array, ...]:
        q, k, v, w = cache
        dw = dy @ v.swapaxes(-1, -2)
        ds = w * (dw - (dw * w).sum(axis=-1, keepdims=True)) * dy.dtype.type(scale(q.shape[-1]))
        return ds @ k, ds.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ dy

    return backward


SHAPES = [(1, 1, 4), (2, 1, 3), (2, 3, 1), (1, 4, 4), (2, 2, 4, 3), (5, 7)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_attention_is_right_whatever_its_shape(shape: tuple[int, ...], dtype: str) -> None:
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype(dtype) for _ in range(3)]
    verdict = check(scaled_attention, *arrays, backward=backward_of(lambda d: d**-0.5))
    # Of one position nothing goes back to q and k, which the verdict says.
    assert verdict.outcome == "right" or not any(a.outcome == "wrong" for a in verdict.arrays)
    assert not verdict.mistakes


@pytest.mark.parametrize(
    ("scale", "key"),
    [
        (lambda d: 1.0, "attention_scale_missing"),
        (lambda d: 1 / d, "attention_scale_twice"),
        (lambda d: 5**-0.5, "attention_scale_other"),
    ],
)
@pytest.mark.parametrize("size", first_of([3, 4]))
def test_a_scale_is_named_and_no_factor(scale: Callable[[int], float], key: str, size: int) -> None:
    random = np.random.default_rng(1)
    arrays = [random.normal(size=(2, 5, size)) for _ in range(3)]
    verdict = check(scaled_attention, *arrays, backward=backward_of(scale), witnesses=())
    assert verdict.mistakes[0].key == key
    assert verdict.mistakes[0].values["factor"] == pytest.approx(size**-0.5)
    for language in ("en", "zh-TW"):
        assert "{" not in verdict.mistakes[0].sentence(language)


# What is written down of a forward


def test_pieces_of_a_split_and_of_an_array_that_was_filled_are_on_the_tape() -> None:
    def run(a: Mapping[str, Array]) -> Array:
        left, right = np.split(a["x"] @ a["W"], 2, axis=1)
        found = np.zeros((3, 4))
        found[:, :2] = np.tanh(left)
        found[:, 2:] = right * 2
        return found

    arrays = {"x": np.arange(6.0).reshape(3, 2) / 7, "W": np.arange(8.0).reshape(2, 4) / 9 - 0.3}
    tape = recorded(run, arrays, run(arrays))
    assert tape is not None
    gradients = tape.gradients(tape.back(np.ones((3, 4))))
    slopes = np.hstack([1 - np.tanh((arrays["x"] @ arrays["W"])[:, :2]) ** 2, np.full((3, 2), 2.0)])
    np.testing.assert_allclose(gradients["W"], arrays["x"].T @ slopes, rtol=1e-12)


# Names in a dictionary


@pytest.mark.parametrize("key", ["d", "g", "P", "p", "grad", "delta"])
def test_an_array_may_be_called_as_a_holder_of_arrays_is(key: str) -> None:
    def forward(x: Array, params: Mapping[str, Array]) -> Array:
        h: Array = np.tanh(x * params[key] + params["c"])
        return h

    def backward(dy: Array, x: Array, params: Mapping[str, Array]) -> Any:
        dz = dy * (1 - forward(x, params) ** 2)
        return dz * params[key], {key: (dz * x).sum(0), "c": dz.sum(0)}

    random = np.random.default_rng(0)
    params = {key: random.normal(size=3), "c": random.normal(size=3)}
    verdict = check(forward, random.normal(size=(4, 3)), params, backward=backward)
    assert verdict.outcome == "right"
    assert {one.name for one in verdict.arrays} == {"x", key, "c"}


# A script

LETTERS = """
import numpy as np

random = np.random.default_rng(0)
letters, hidden, times = 5, 4, 4
data = [1, 3, 3, 0, 2]
Wxh, Whh = random.normal(size=(hidden, letters)), random.normal(size=(hidden, hidden))
Why, bh, by = random.normal(size=(letters, hidden)), np.zeros((hidden, 1)), np.zeros((letters, 1))

while True:
    hprev = np.full((hidden, 1), 0.3)
    xs, hs, ps, loss = {{}}, {{-1: hprev}}, {{}}, 0
    for t in range(times):
        xs[t] = np.zeros((letters, 1))
        xs[t][data[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        ys = Why @ hs[t] + by
        ps[t] = np.exp(ys) / np.sum(np.exp(ys))
        loss += -np.log(ps[t][data[t + 1], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby, dhnext = np.zeros_like(bh), np.zeros_like(by), np.zeros_like(hprev)
    for t in reversed(range(times)):
        dy = np.copy(ps[t])
        dy[data[t + 1]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + dhnext
        dhraw = (1 - hs[t] ** 2) * dh
        dbh += dhraw
        dWxh += dhraw @ xs[t].T
        dWhh {line}
        dhnext = {following}
    for parameter, gradient in ((Wxh, dWxh), (Whh, dWhh), (Why, dWhy), (bh, dbh), (by, dby)):
        parameter -= 0.1 * gradient
"""
RIGHT_LINE, RIGHT_NEXT = "+= dhraw @ hs[t - 1].T", "Whh.T @ dhraw"


@pytest.mark.parametrize(
    ("line", "following", "key"),
    [
        (RIGHT_LINE, RIGHT_NEXT, ""),
        ("= dhraw @ hs[t - 1].T", RIGHT_NEXT, "one_time"),
        ("+= dhraw @ hs[t].T", RIGHT_NEXT, "state_after"),
        (RIGHT_LINE, "np.zeros_like(dh)", "time_stops"),
    ],
)
def test_a_script_that_reads_letter_by_letter(
    tmp_path: Path, line: str, following: str, key: str
) -> None:
    path = tmp_path / "letters.py"
    path.write_text(LETTERS.format(line=line, following=following), encoding="utf-8")
    verdict = answer(request_for(str(path)))
    assert verdict.outcome == ("wrong" if key else "right")
    assert named(verdict.mistakes) == ([key] if key else [])
