"""How a network for a table is made and trained: everything that a run is told.

The defaults are those that were found best on a panel of real tables (benchmarks/README.md has the
figures and what each part of them is worth).
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from clearprop.base.arrays import Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import (
    ABOVE_0,
    AT_LEAST_0,
    BELOW_1,
    INSIDE_0_1,
    settle_choice,
    settle_flag,
    settle_number,
    settle_whole,
)
from clearprop.data.preparation import FEW_ROWS, SCALINGS
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.smooth_activations import SiLU
from clearprop.engine.losses import Loss
from clearprop.engine.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
)
from clearprop.engine.schedules import ConstantRate, CosineDecay, Rate
from clearprop.estimators.falling_rates import (
    FALLING_NAMES,
    Adaptive,
    FallingRate,
    InverseScaling,
)
from clearprop.estimators.like_mlp import SklearnAdam
from clearprop.estimators.table_network import InputForm

Validation: TypeAlias = Literal["folds", "share", "none"]
OPTIMIZER_NAMES = ("adam", "adamw", "sklearn_adam", "sgd", "rmsprop", "adagrad", "lbfgs")
SCHEDULE_NAMES = ("cosine", "constant")

# Numbers that are predicted from fewer rows than this are a smooth function of the columns unless
# told otherwise: there is too little to tell where a bend is.
SMOOTH_ROWS = 600
# With so few rows that an epoch is a step or two, more epochs than this teach nothing more.
MOST_EPOCHS = 300


@dataclass(frozen=True)
class TableRecipe(Configurable):
    """Everything that a training on a table is told.

    hidden         the sizes of the hidden layers
    activations    one for all hidden layers, or one for each; None: SiLU where numbers are learned
                   from fewer than SMOOTH_ROWS rows, ReLU otherwise
    loss           None takes the one that the target asks for: MSE, CrossEntropy or
                   BinaryCrossEntropy
    optimizer      one of OPTIMIZER_NAMES, or an optimizer, which then has its own rate
    learning_rate  where the schedule begins; None: `finding_rate` finds it before the first step
    schedule       cosine goes to 0 with the last step; constant stays; invscaling, with `power`,
                   and adaptive are scikit-learn's (`falling_rates`)
    epochs         how many at most, but at least so many that `least_steps` are taken, for whose
                   sake there are MOST_EPOCHS and no more
    batch_size     rows in a step; they are evened out, so that no batch is small
    networks       how many are trained at once, whose answers are averaged
    validation     folds: each network holds out its own part of the rows; share: all hold out the
                   same `share` of them; none
    patience       epochs without a better one that are borne; one more ends the training; None
                   bears any number
    tolerance      how much better an epoch has to be to count there; None: 0.2 % of the best,
                   and 0.0001
    dropout, weight_decay, l2   the last is added to the loss as scikit-learn does, weights alone:
                   ½ l2 Σ w² / (the rows of a batch, each with its weight)
    form, scaling  what the columns go through before the first layer
    standardise    whether numbers that are to be predicted are standardised
    held           whether predictions are held within the range of the training's targets
    weights        how weights start; None is He's normal distribution
    """

    hidden: tuple[int, ...] = (64, 64)
    activations: tuple[Layer, ...] | None = None
    loss: Loss | None = None
    optimizer: str | Optimizer = "adam"
    learning_rate: float | None = 0.005
    schedule: str = "cosine"
    power: float = 0.5
    epochs: int = 64
    least_steps: int = 1000
    batch_size: int = 64
    networks: int = 8
    validation: str = "folds"
    share: float = 0.1
    patience: int | None = 5
    tolerance: float | None = None
    dropout: float = 0.0
    weight_decay: float = 0.0
    l2: float = 0.0
    soft_clip: float | None = 3.0
    bins: int = 32
    bin_height: float = 0.35
    scale_rate: float | None = 12.0
    scaling: str = "robust"
    standardise: bool = True
    held: bool = True
    weights: Initializer | None = None
    optimizer_settings: tuple[tuple[str, Any], ...] = field(default=())
    dtype: str = "float32"
    seed: int = 0
    engine: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "networks"):
            settle_whole(self, name, 1)
        for name in ("least_steps", "bins", "seed"):
            settle_whole(self, name, 0)
        settle_number(self, "bin_height", ABOVE_0)
        for name in ("learning_rate", "soft_clip", "scale_rate"):
            if getattr(self, name) is not None:
                settle_number(self, name, ABOVE_0)
        for name in ("weight_decay", "l2", "power"):
            settle_number(self, name, AT_LEAST_0)
        if self.tolerance is not None:
            settle_number(self, "tolerance", AT_LEAST_0)
        settle_number(self, "dropout", BELOW_1)
        settle_number(self, "share", INSIDE_0_1 if self.validation == "share" else BELOW_1)
        for name in ("standardise", "held"):
            settle_flag(self, name)
        settle_choice(self, "validation", ("folds", "share", "none"))
        settle_choice(self, "scaling", SCALINGS)
        settle_choice(self, "schedule", (*SCHEDULE_NAMES, *FALLING_NAMES))
        settle_choice(self, "dtype", ("float32", "float64"))
        if not isinstance(self.optimizer, Optimizer):
            settle_choice(self, "optimizer", OPTIMIZER_NAMES)
        if self.patience is not None:
            settle_whole(self, "patience", 1)
        if any(isinstance(size, bool) or size < 1 for size in self.hidden):
            raise ConfigurationError("hidden_sizes", value=self.hidden)
        if self.activations is not None and len(self.activations) not in (1, len(self.hidden)):
            raise ConfigurationError(
                "activations_count", count=len(self.activations), layers=len(self.hidden)
            )

    @property
    def form(self) -> InputForm:
        """What the columns go through before the first Linear layer."""
        return InputForm(self.soft_clip, self.bins, self.bin_height, self.scale_rate)

    @property
    def activation_layers(self) -> tuple[Layer, ...]:
        """One activation for each hidden layer."""
        chosen = self.activations or (ReLU(),)
        return chosen * len(self.hidden) if len(chosen) == 1 else chosen

    def for_rows(self, rows: int, *, numbers: bool) -> "TableRecipe":
        """The recipe for so many rows, by which numbers are predicted, or classes: few are taken
        whole, in float64, with none held out."""
        recipe = self
        if self.activations is None:
            recipe = replace(self, activations=(activation_for(rows, numbers=numbers),))
        if rows >= FEW_ROWS:
            return recipe
        return replace(recipe, validation="none", batch_size=max(rows, 1), dtype="float64")

    def for_weights(self, weight: Array) -> "TableRecipe":
        """The recipe for rows of these weights (N,): the L2 term is over the weight of a batch's
        rows, so that a row of weight 2 counts there as that row twice."""
        return replace(self, l2=self.l2 / float(weight.mean())) if self.l2 else self

    def batches(self, rows: int) -> tuple[int, int]:
        """(batch size, epochs) for so many rows: batches of equal size but for one row, and no
        fewer steps than `least_steps` or MOST_EPOCHS epochs."""
        count = max(1, round(rows / min(self.batch_size, rows)))
        for_steps = min(-(-self.least_steps // count), MOST_EPOCHS)
        return -(-rows // count), max(self.epochs, for_steps)

    def falling_rate(self, rows: int) -> FallingRate | None:
        """How the rate changes between epochs of so many rows; None where it is a schedule's."""
        if isinstance(self.optimizer, Optimizer) or self.learning_rate is None:
            return None
        if self.schedule == "invscaling":
            return InverseScaling(self.learning_rate, self.power, rows)
        return Adaptive(self.learning_rate) if self.schedule == "adaptive" else None

    def optimizer_for(self, steps: int) -> Optimizer:
        """The optimizer of a training of so many steps. Raises ConfigurationError for lbfgs, which
        takes no steps of this kind, and for a rate that was not found yet."""
        if isinstance(self.optimizer, Optimizer):
            return self.optimizer
        if self.learning_rate is None:
            raise ConfigurationError("learning_rate_invalid", value=None)
        rate: Rate = ConstantRate(self.learning_rate)
        if self.schedule == "cosine":
            rate = CosineDecay(self.learning_rate, max(steps, 1))
        kinds: dict[str, type[Optimizer]] = {
            "adam": AdamW if self.weight_decay else Adam,
            "adamw": AdamW,
            "sklearn_adam": SklearnAdam,
            "sgd": SGD,
            "rmsprop": RMSprop,
            "adagrad": Adagrad,
        }
        if self.optimizer not in kinds:
            raise ConfigurationError("optimizer_of_steps", optimizer=self.optimizer)
        settings = dict(self.optimizer_settings)
        if self.weight_decay:
            settings["weight_decay"] = self.weight_decay
        return kinds[self.optimizer](learning_rate=rate, **settings)


def activation_for(rows: int, *, numbers: bool) -> Layer:
    """The activation that nobody has chosen."""
    return SiLU() if numbers and rows < SMOOTH_ROWS else ReLU()
