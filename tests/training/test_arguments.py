"""What people hand to a training: it works where there is one meaning, and is refused in a sentence
that says what to type where there is none."""

from typing import Any

import numpy as np
import pytest

from clearprop import (
    MSE,
    SGD,
    Adam,
    BinaryCrossEntropy,
    CrossEntropy,
    Linear,
    Network,
    ReLU,
    Sequential,
)
from clearprop.base.errors import ClearpropError, ConfigurationError, ContractError, DtypeError
from clearprop.training import fit, start, train

NETWORK = Network(Sequential(Linear(2, 4), ReLU(), Linear(4, 3)))
X = np.random.default_rng(0).normal(size=(6, 2))
IDS = np.array([0, 1, 2, 0, 1, 2])
# Not typed, for mistakes that a type checker would have found.
LOOSE: Any = {"Network": Network, "SGD": SGD, "Linear": Linear, "fit": fit}


@pytest.mark.parametrize("name", ["cross_entropy", "CrossEntropy", "cross-entropy", "crossentropy"])
def test_a_loss_by_its_name_is_that_loss(name: str) -> None:
    params = NETWORK.initialize()
    by_name = fit(NETWORK, params, X, IDS, loss=name, epochs=3)
    by_class: Any = LOOSE["fit"](NETWORK, params, X, IDS, loss=CrossEntropy, epochs=3)
    made = fit(NETWORK, params, X, IDS, loss=CrossEntropy(), epochs=3)
    np.testing.assert_array_equal(by_name.losses, made.losses)
    np.testing.assert_array_equal(by_class.losses, made.losses)


def test_an_optimizer_by_its_name_has_its_defaults() -> None:
    params = NETWORK.initialize()
    told: Any = {"loss": "cross_entropy", "epochs": 3}
    by_name = fit(NETWORK, params, X, IDS, optimizer="adam", **told)
    np.testing.assert_array_equal(
        by_name.params, fit(NETWORK, params, X, IDS, optimizer=Adam(), **told).params
    )
    plain = fit(NETWORK, params, X, IDS, optimizer="SGD", **told)
    np.testing.assert_array_equal(
        plain.params, fit(NETWORK, params, X, IDS, optimizer=SGD(0.01), **told).params
    )


def test_boolean_targets_are_0_and_1() -> None:
    yes = np.array([True, False, True, True, False, False])
    two = Network(Linear(2, 2))
    for loss, network, target in (
        (MSE(), Network(Linear(2, 1)), yes[:, None]),
        (BinaryCrossEntropy(), Network(Linear(2, 1)), yes[:, None]),
        (CrossEntropy(), two, yes),
        (CrossEntropy(), two, np.stack([yes, ~yes], axis=1)),
    ):
        told: Any = {"loss": loss, "epochs": 2}
        params = network.initialize()
        numbers = target.astype(int if target.ndim == 1 else float)
        np.testing.assert_array_equal(
            fit(network, params, X, target, **told).losses,
            fit(network, params, X, numbers, **told).losses,
        )


WRONG: list[tuple[Any, type[ClearpropError], str]] = [
    (
        lambda: LOOSE["Network"](Linear(1, 2), ReLU()),
        ContractError,
        r"Sequential\(Linear\(1, 2\), ReLU\(\)\)",
    ),
    (
        lambda: LOOSE["Network"](Linear(1, 2), ReLU(), Linear(2, 1)),
        ContractError,
        "made of one layer",
    ),
    (
        lambda: LOOSE["SGD"](lr=0.1),
        ConfigurationError,
        "no setting 'lr'; its settings are learning_rate",
    ),
    (lambda: LOOSE["SGD"](), ConfigurationError, "SGD needs a value for learning_rate"),
    (lambda: LOOSE["Linear"](3), ConfigurationError, "Linear needs a value for outputs"),
    (
        lambda: LOOSE["fit"](NETWORK, NETWORK.initialize(), X, IDS, loss="entropy"),
        ConfigurationError,
        "'entropy' is no loss; .* \"crossentropy\"",
    ),
    (
        lambda: LOOSE["fit"](NETWORK, NETWORK.initialize(), X, IDS, optimizer="newton"),
        ConfigurationError,
        "'newton' is no optimizer; .* \"adam\"",
    ),
    (
        lambda: LOOSE["fit"](NETWORK, NETWORK.initialize(), X, IDS, optimizer=SGD),
        ConfigurationError,
        "SGD needs a value for learning_rate",
    ),
    (
        lambda: LOOSE["fit"](NETWORK, start(NETWORK, NETWORK.initialize(), SGD(0.1)), X, IDS),
        ContractError,
        "fit takes parameters, .* hand over state.params",
    ),
    (
        lambda: LOOSE["fit"](
            NETWORK, NETWORK.initialize(), X, np.array(list("abcabc")), loss="cross_entropy"
        ),
        DtypeError,
        "classes, target = np.unique",
    ),
    (
        lambda: train(NETWORK, start(NETWORK, NETWORK.initialize(), SGD(1)), X, IDS, own=["y"]),
        ConfigurationError,
        r"own names .* \['y'\] came",
    ),
    (
        lambda: train(NETWORK, start(NETWORK, NETWORK.initialize(), SGD(1)), X, IDS, own="x"),
        ConfigurationError,
        "'x' came",
    ),
]


@pytest.mark.parametrize(("call", "error", "sentence"), WRONG)
def test_the_natural_wrong_calls_get_a_sentence(
    call: Any, error: type[ClearpropError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        call()
    assert caught.value.message("zh-TW")


def test_a_prediction_is_never_the_callers_own_array() -> None:
    from clearprop import Identity

    x = np.ones((3, 2))
    for network, params in (
        (Network(Identity()), np.empty(0)),
        (Network(Identity()), np.empty((4, 0))),
    ):
        output = network.predict(params, x)
        assert not np.may_share_memory(output, x)
        output[...] = 7
    np.testing.assert_array_equal(x, 1)


def test_the_loss_of_an_epoch_is_added_up_in_float64() -> None:
    # 3,000 steps of about 1e4 each, one sample a step: their float32 sum would be off by 1e-5.
    generator = np.random.default_rng(1)
    x = generator.normal(size=(3000, 1)).astype("float32")
    t = (100 * generator.normal(size=(3000, 1))).astype("float32")
    network = Network(Linear(1, 1))
    state = start(network, network.initialize(dtype="float32"), SGD(1e-9))
    *steps, epoch = train(network, state, x, t, optimizer=SGD(1e-9), epochs=1, batch_size=1)
    exact = np.mean([float(step.loss) for step in steps])
    assert epoch.loss == pytest.approx(exact, rel=1e-12)


def test_a_training_is_printed_in_one_line() -> None:
    training = fit(NETWORK, NETWORK.initialize(), X, IDS, loss="cross_entropy", epochs=3)
    assert (
        repr(training)
        == f"Training(3 steps, last loss {training.losses[-1]:.6g}, params (27,), numpy)"
    )
