"""Whether every line of an explanation adds up."""

import math

import pytest

from clearprop.reading.explanation import GradientExplanation, NeuronExplanation, Signal

TOLERANCE = 1e-12


def assert_close(value: float, parts: list[float], size: float | None = None) -> None:
    """`value` is the sum of `parts`, to a tiny part of the sum of their sizes."""
    size = math.fsum(map(abs, parts)) if size is None else size
    assert value == pytest.approx(math.fsum(parts), rel=0, abs=TOLERANCE * size)


def assert_signal_adds_up(signal: Signal) -> int:
    """Every line of a signal; returns how many there were."""
    if not signal.opened:
        assert signal.case is None
        return 0
    slope = 1.0 if signal.slope is None else signal.slope.value
    assert signal.inner is not None
    assert signal.value == pytest.approx(slope * signal.inner, rel=0, abs=TOLERANCE * signal.size)
    if signal.loss is not None:
        assert signal.case == 1
        assert signal.terms == ()
        assert signal.inner == signal.loss.value
        return 1
    assert signal.case == 2
    parts = [term.value for term in signal.terms]
    assert_close(signal.inner, [*parts, signal.rest.value])
    sizes = [abs(part) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    total = sum(sizes) + signal.rest.size
    assert signal.size == pytest.approx(abs(slope) * total)
    lines = 1
    for term in signal.terms:
        assert term.share == pytest.approx(abs(term.value) / total)
        if term.signal is None:
            assert term.kind == "samples"
        else:
            assert_close(term.value, [term.factor * term.signal.value])
            lines += assert_signal_adds_up(term.signal)
    return lines


def assert_gradient_adds_up(explained: GradientExplanation) -> int:
    """Every line of a gradient; returns how many there were."""
    shares = [share.value for share in explained.shares]
    assert_close(explained.gradient, [*shares, explained.rest.value], explained.size)
    assert explained.size == pytest.approx(sum(map(abs, shares)) + explained.rest.size)
    assert len(shares) + explained.rest.count == explained.samples
    lines = 1
    for share in explained.shares:
        products = [product.value for product in share.products]
        assert_close(share.value, [*products, share.rest.value])
        for product in share.products:
            assert_close(product.value, [product.factor * product.signal.value])
            lines += 1 + assert_signal_adds_up(product.signal)
    return lines


def assert_neuron_adds_up(explained: NeuronExplanation) -> int:
    """Every line of a neuron; returns how many there were."""
    if explained.adds_up:
        parts = [one.value for one in explained.inputs]
        bias = 0.0 if explained.bias is None else explained.bias
        assert_close(explained.z, [*parts, explained.rest.value, bias])
    for one in explained.inputs:
        assert_close(one.value, [one.factor * one.x])
    return 1 + assert_signal_adds_up(explained.signal)
