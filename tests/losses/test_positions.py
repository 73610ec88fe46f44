"""Cross-entropy over the positions of sequences: each costs by itself, padding nothing."""

import numpy as np
import pytest

from clearprop import CrossEntropy, Embedding, Linear, Network, Sequential
from clearprop.base.errors import DataError
from clearprop.engine.step import take_step
from clearprop.reading.explanation import explain_weight

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(size=(3, 4, 5))
IDS = GENERATOR.integers(5, size=(3, 4))
PADDED = np.where(np.arange(4) < np.array([[4], [2], [3]]), IDS, -100)
LOSSES = [
    CrossEntropy(),
    CrossEntropy(weight=(1, 2, 0.5, 1, 3), label_smoothing=0.1),
    CrossEntropy(reduction="sum"),
]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("ids", [IDS, PADDED], ids=["all", "padded"])
def test_it_is_that_of_the_rows(loss: CrossEntropy, ids: np.ndarray) -> None:
    found = loss.evaluate(LOGITS, ids)
    rows = loss.evaluate(LOGITS.reshape(12, 5), ids.reshape(12))
    np.testing.assert_allclose(found.value, rows.value, rtol=1e-15)
    np.testing.assert_allclose(found.gradient.reshape(12, 5), rows.gradient, rtol=1e-14)
    np.testing.assert_allclose(found.per_sample.sum(), found.value, rtol=1e-14)
    # Padding gets nothing.
    assert not found.gradient[ids == -100].any()


def test_it_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for loss in LOSSES:
        y = torch.tensor(LOGITS, requires_grad=True)
        weight = None if loss.weight is None else torch.tensor(loss.weight, dtype=torch.float64)
        value = torch.nn.functional.cross_entropy(
            y.movedim(-1, 1),
            torch.tensor(PADDED),
            weight,
            label_smoothing=loss.label_smoothing,
            reduction=loss.reduction,
        )
        value.backward()
        found = loss.evaluate(LOGITS, PADDED)
        np.testing.assert_allclose(found.value, value.item(), rtol=1e-14)
        np.testing.assert_allclose(found.gradient, y.grad, rtol=1e-12, atol=1e-16)


def test_stacked_networks_have_what_each_has_alone() -> None:
    logits = np.stack([LOGITS, 2 * LOGITS])
    weights = np.array([1.0, 2, 0.5])
    for given in (None, weights):
        for ids in (PADDED, np.stack([PADDED, IDS])):
            both = CrossEntropy().evaluate(logits, ids, sample_weight=given, stacked=True)
            for k in range(2):
                own = ids if ids.ndim == 2 else ids[k]
                alone = CrossEntropy().evaluate(logits[k], own, sample_weight=given)
                np.testing.assert_allclose(both.value[k], alone.value, rtol=1e-14)
                np.testing.assert_allclose(both.gradient[k], alone.gradient, rtol=1e-13)


def test_probabilities_over_positions() -> None:
    wanted = GENERATOR.dirichlet(np.ones(5), (3, 4))
    found = CrossEntropy().evaluate(LOGITS, wanted)
    rows = CrossEntropy().evaluate(LOGITS.reshape(12, 5), wanted.reshape(12, 5))
    np.testing.assert_allclose(found.value, rows.value, rtol=1e-14)


def test_nothing_but_padding_is_refused() -> None:
    with pytest.raises(DataError):
        CrossEntropy().evaluate(LOGITS, np.full((3, 4), -100))


def test_a_step_over_positions_is_explained_down_to_the_loss() -> None:
    network = Network(Sequential(Embedding(5, 3), Linear(3, 5)))
    step = take_step(network, network.initialize(0), IDS, PADDED, loss=CrossEntropy())
    found = explain_weight(step, "layers[1].weight[0,1]", depth=3)
    assert found.witness.outcome == "agrees"
    assert "p[" in found.text()
