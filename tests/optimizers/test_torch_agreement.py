"""PyTorch as a witness of every optimizer: fifty steps of a small network, in every option."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from clearprop import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Clipped,
    CosineDecay,
    ExponentialDecay,
    Linear,
    Network,
    Optimizer,
    RMSprop,
    Sequential,
    StepDecay,
    Tanh,
    Warmup,
)
from clearprop.formats import torch_twin
from clearprop.training import fit

STEPS = 50
NETWORK = Network(Sequential(Linear(2, 5), Tanh(), Linear(5, 3)))
PARAMS = NETWORK.initialize(3)
X = np.random.default_rng(0).normal(size=(8, 2))
# Targets of size 3, so that gradients are now above and now below what is clipped.
T = 3 * np.random.default_rng(1).normal(size=(8, 3))


def options(**choices: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Every combination of the choices."""
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def assert_agrees(
    torch: Any, ours: Optimizer, make: Any, *, clip: Any = None, schedule: Any = None
) -> None:
    """Fifty losses and the last parameters are torch's, to 1e-10."""
    twin = torch_twin.to_torch(NETWORK, PARAMS)
    theirs = make(twin.parameters())
    scheduler = schedule(theirs) if schedule else None
    x, t, losses = torch.tensor(X), torch.tensor(T), []
    for _ in range(STEPS):
        theirs.zero_grad()
        loss = torch.nn.MSELoss()(twin(x), t)
        loss.backward()
        if clip:
            clip(twin.parameters())
        theirs.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.item())
    training = fit(NETWORK, PARAMS, X, T, optimizer=ours, epochs=STEPS)
    np.testing.assert_allclose(training.losses, losses, rtol=1e-10)
    named = NETWORK.named(training.params)
    for (path, array), tensor in zip(named.items(), twin.parameters(), strict=True):
        expected = tensor.detach().numpy()
        found = array.T.reshape(expected.shape)  # (in, out) is torch's (out, in)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=path)


@pytest.mark.parametrize(
    "chosen",
    [
        *options(momentum=(0, 0.9), dampening=(0, 0.5), weight_decay=(0, 0.1)),
        *options(momentum=(0.5, 0.9), weight_decay=(0, 0.1), nesterov=(True,)),
    ],
    ids=str,
)
def test_sgd(torch: Any, chosen: dict[str, Any]) -> None:
    assert_agrees(torch, SGD(0.05, **chosen), lambda p: torch.optim.SGD(p, lr=0.05, **chosen))


@pytest.mark.parametrize(
    "chosen",
    options(
        alpha=(0.99, 0.8),
        eps=(1e-8, 1e-2),
        weight_decay=(0, 0.1),
        momentum=(0, 0.5),
        centered=(False, True),
    ),
    ids=str,
)
def test_rmsprop(torch: Any, chosen: dict[str, Any]) -> None:
    # At larger rates it swings around the minimum and magnifies a rounding by 1e4 and more, for us
    # alone as well; the rates of Adam and of the schedules below are small for the same reason.
    rate = 0.002
    assert_agrees(
        torch, RMSprop(rate, **chosen), lambda p: torch.optim.RMSprop(p, lr=rate, **chosen)
    )


@pytest.mark.parametrize(
    "chosen",
    options(
        lr_decay=(0, 0.1),
        weight_decay=(0, 0.1),
        initial_accumulator_value=(0, 0.5),
        eps=(1e-10, 1e-2),
    ),
    ids=str,
)
def test_adagrad(torch: Any, chosen: dict[str, Any]) -> None:
    assert_agrees(torch, Adagrad(0.1, **chosen), lambda p: torch.optim.Adagrad(p, lr=0.1, **chosen))


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize(
    "chosen",
    options(
        betas=((0.9, 0.999), (0.5, 0.8)),
        eps=(1e-8, 1e-2),
        weight_decay=(0, 0.1),
        amsgrad=(False, True),
    ),
    ids=str,
)
def test_adam(torch: Any, name: str, chosen: dict[str, Any]) -> None:
    kind = {"Adam": Adam, "AdamW": AdamW}[name]
    assert_agrees(
        torch, kind(0.01, **chosen), lambda p: getattr(torch.optim, name)(p, lr=0.01, **chosen)
    )


@pytest.mark.parametrize("kind", [RMSprop, Adagrad, Adam, AdamW])
def test_the_defaults_are_torchs(torch: Any, kind: Any) -> None:
    theirs = getattr(torch.optim, kind.__name__)
    assert_agrees(torch, kind(), theirs)
    settings = {"lr" if n == "learning_rate" else n: v for n, v in kind().settings().items()}
    defaults = theirs([torch.zeros(1)]).defaults
    assert settings == {name: defaults[name] for name in settings}


@pytest.mark.parametrize("limit", [0.5, 2.0])
def test_clipping(torch: Any, limit: float) -> None:
    def make(p: Any) -> Any:
        return torch.optim.SGD(p, lr=0.05, momentum=0.5)

    utils, ours = torch.nn.utils, SGD(0.05, momentum=0.5)
    assert_agrees(
        torch, Clipped(ours, norm=limit), make, clip=lambda p: utils.clip_grad_norm_(p, limit)
    )
    value = limit / 10
    assert_agrees(
        torch, Clipped(ours, value=value), make, clip=lambda p: utils.clip_grad_value_(p, value)
    )


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW"])
@pytest.mark.parametrize("kind", ["step", "exponential", "cosine", "warm-up"])
def test_schedules(torch: Any, name: str, kind: str) -> None:
    schedulers = torch.optim.lr_scheduler
    ours, theirs = {
        "step": (StepDecay(0.02, 10, 0.5), lambda o: schedulers.StepLR(o, 10, 0.5)),
        "exponential": (ExponentialDecay(0.02, 0.9), lambda o: schedulers.ExponentialLR(o, 0.9)),
        "cosine": (
            CosineDecay(0.02, 20, 0.001),
            lambda o: schedulers.CosineAnnealingLR(o, 20, 0.001),
        ),
        "warm-up": (Warmup(0.02, 7, 0.25), lambda o: schedulers.LinearLR(o, 0.25, 1.0, 7)),
    }[kind]
    optimizer = {"SGD": SGD, "RMSprop": RMSprop, "Adagrad": Adagrad, "Adam": Adam, "AdamW": AdamW}
    assert_agrees(
        torch,
        optimizer[name](ours),
        lambda p: getattr(torch.optim, name)(p, lr=0.02),
        schedule=theirs,
    )
