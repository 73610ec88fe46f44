"""One step of training as the thing to explain: both passes, loss, targets and optimizer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clearprop.base.arrays import EMPTY, Array, frozen
from clearprop.base.errors import ConfigurationError, DtypeError, ShapeError
from clearprop.engine.known_side_inputs import require_side_inputs
from clearprop.engine.layers.layer import Tree
from clearprop.engine.layers.lengths import LENGTHS, zero_behind_ends
from clearprop.engine.losses import MSE, Loss, LossResult
from clearprop.engine.network import BackwardPass, ForwardPass, Network
from clearprop.engine.optimizers import Optimizer, OptimizerState


@dataclass(frozen=True)
class Update:
    """What an optimizer makes of one gradient.

    learning_rate  η where the update is plainly w − η · gradient, otherwise None
    change         after − before
    """

    optimizer: str
    learning_rate: float | None
    before: float
    after: float
    change: float


@dataclass(frozen=True, eq=False)
class Step:
    """The record of one step, made of what the step computed.

    backward   the backward pass, and in it the forward pass
    target     what the loss compared the output with
    loss       the loss whose gradient the backward pass started from
    optimizer  what makes an update of the gradient; None where nothing is updated
    state      the optimizer's state before the update; its start unless told otherwise
    classes    what the classes are called, by their ids; none where they have no names

    Raises ConfigurationError for a stack of networks, complex parameters, a pass without records,
    and a backward pass that started from another gradient than this loss's.
    """

    backward: BackwardPass
    target: Array
    loss: Loss
    optimizer: Optimizer | None = None
    state: OptimizerState | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        params = self.forward.params
        if params.ndim != 1:
            raise ConfigurationError("explain_stacked", networks=len(params))
        if params.dtype.kind == "c":
            raise ConfigurationError("explain_complex")
        _ = self.forward.records  # refuses a pass that kept none
        object.__setattr__(self, "target", frozen(np.asarray(self.target)))
        started, own = self.backward.output_gradient, self.result.gradient
        if started is not own and not np.allclose(started, own, rtol=1e-6, atol=0, equal_nan=True):
            raise ConfigurationError("explain_other_loss", loss=type(self.loss).__name__)

    @property
    def forward(self) -> ForwardPass:
        """The forward pass."""
        return self.backward.forward

    @property
    def samples(self) -> int:
        """How many samples took part."""
        return len(self.forward.output)

    @cached_property
    def result(self) -> LossResult:
        """The loss at the output."""
        return self.loss.evaluate(self.forward.output, self.target)

    @property
    def value(self) -> float:
        """L, the loss before the update."""
        return float(self.result.total / self.result.weight)

    def cost(self, sample: int) -> float:
        """C[n], one sample's share of the loss: the shares of all samples add up to L."""
        rows = slice(sample, sample + 1)
        alone = self.loss.evaluate(self.forward.output[rows], self.target[rows])
        return float(alone.total / self.result.weight)

    @cached_property
    def stepped(self) -> Array | None:
        """The parameters (P,) after the optimizer's update; None where nothing is updated."""
        if self.optimizer is None:
            return None
        params = self.forward.params
        state = self.optimizer.start(params) if self.state is None else self.state
        return frozen(self.optimizer.step(params, state, self.backward.gradient)[0])

    def update_of(self, position: int) -> Update | None:
        """What happens to the parameter at `position` of the flat array; None without an
        optimizer."""
        stepped = self.stepped
        if self.optimizer is None or stepped is None:
            return None
        params, gradient = self.forward.params, self.backward.gradient
        before, after = float(params[position]), float(stepped[position])
        rate = getattr(self.optimizer, "learning_rate", None)
        is_plain = isinstance(rate, float) and bool(
            np.allclose(stepped, params - rate * gradient, rtol=1e-12, atol=0, equal_nan=True)
        )
        return Update(
            optimizer=type(self.optimizer).__name__,
            learning_rate=rate if is_plain else None,
            before=before,
            after=after,
            change=after - before,
        )

    def again(self, params: Array, x: Array | None = None) -> tuple[ForwardPass, LossResult]:
        """The same step forward with other parameters (P,), or another input as well: random
        draws, state and side inputs are those of this step."""
        context = self.forward.context
        forward = self.forward.network.forward(
            params,
            self.forward.input if x is None else x,
            training=context.training,
            seed=context.seed,
            step=context.step,
            state=context.state,
            side_inputs=context.side_inputs,
        )
        target = self.target
        if target.dtype.kind == "f":
            target = target.astype(params.dtype, copy=False)
        return forward, self.loss.evaluate(forward.output, target)

    def class_name(self, number: int) -> str:
        """What the class of this id is called; the id itself where it has no name."""
        return self.classes[number] if 0 <= number < len(self.classes) else str(number)

    def signals(self, wire: str) -> Array:
        """∂C/∂(every number on a wire), (N, ...). Raises DtypeError for an input of integers, which
        has none, and UnknownNameError."""
        found = self.backward.gradient_at(wire)
        if found is None:
            raise DtypeError("explain_integers", came=self.forward.value(wire).dtype)
        return found

    def check_sample(self, sample: object) -> int:
        """`sample` as a number from 0. Raises ConfigurationError where there is no such sample."""
        if isinstance(sample, bool) or not isinstance(sample, int | np.integer):
            raise ConfigurationError("explain_sample_kind", sample=repr(sample))
        if not 0 <= sample < self.samples:
            raise ConfigurationError("explain_sample", sample=sample, last=self.samples - 1)
        return int(sample)


def take_step(
    network: Network,
    params: Array,
    x: Array,
    target: Array,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    state: OptimizerState | None = None,
    training: bool = True,
    layer_state: Tree | None = None,
    seed: int = 0,
    number: int = 0,
    side_inputs: Mapping[str, Array] = EMPTY,
    classes: Sequence[str] = (),
) -> Step:
    """Run forward, the loss and backward, and keep the record of it.

    x (N, ...), target as the loss takes it; the loss is MSE unless told otherwise. `training`,
    `layer_state`, `seed`, the `number` of the step and `side_inputs` are what a training would hand
    to `Network.forward`; `classes` is what the classes are called. Raises ShapeError where x and
    target differ in samples, and what `Network.forward`, `Loss.evaluate` and `Step` raise.
    """
    loss = MSE() if loss is None else loss
    if len(np.shape(x)) and len(np.shape(target)) and len(x) != len(target):
        raise ShapeError("samples_differ", x=len(x), target=len(target))
    beside = require_side_inputs(side_inputs, network.side_inputs)
    lengths = beside.get(LENGTHS)
    if lengths is not None and np.ndim(x) == 3 and lengths.shape == np.shape(x)[:1]:
        # What stands behind the ends has no influence, and no reader of the record shall stumble
        # over the NaN that people have there.
        x = zero_behind_ends(np.asarray(x), lengths)
    forward = network.forward(
        params,
        x,
        training=training,
        seed=seed,
        step=number,
        state=layer_state,
        side_inputs=beside or EMPTY,
    )
    gradient = loss.evaluate(forward.output, target).gradient
    backward = network.backward(forward, gradient)
    return Step(backward, target, loss, optimizer, state, tuple(classes))
