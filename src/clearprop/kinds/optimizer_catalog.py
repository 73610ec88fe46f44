"""The one table of optimizers: name → class, with small examples of each.

What runs over every optimizer (the conformance tests, loading a checkpoint) reads this table. An
optimizer that is not in it does not exist for them, and a test fails until it is.
"""

from clearprop.engine.optimizers.adam import Adam, AdamW
from clearprop.engine.optimizers.adaptive import Adagrad, RMSprop
from clearprop.engine.optimizers.clipping import Clipped
from clearprop.engine.optimizers.optimizer import Optimizer
from clearprop.engine.optimizers.sgd import SGD
from clearprop.engine.schedules import CosineDecay, Warmup

EXAMPLES: dict[type[Optimizer], tuple[Optimizer, ...]] = {
    SGD: (
        SGD(0.05),
        SGD(0.05, momentum=0.9),
        SGD(0.05, momentum=0.9, dampening=0.5, weight_decay=0.01),
        SGD(0.05, momentum=0.9, nesterov=True),
        SGD(Warmup(CosineDecay(0.1, t_max=40, eta_min=0.001), steps=5), momentum=0.9),
    ),
    RMSprop: (
        RMSprop(),
        RMSprop(alpha=0.9, centered=True),
        RMSprop(eps=1e-4, weight_decay=0.01, momentum=0.5, centered=True),
    ),
    Adagrad: (
        Adagrad(),
        Adagrad(0.1, lr_decay=0.01, weight_decay=0.01, initial_accumulator_value=0.1, eps=1e-6),
    ),
    Adam: (
        Adam(),
        Adam(0.01, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.01),
        Adam(0.01, amsgrad=True),
    ),
    AdamW: (
        AdamW(),
        AdamW(0.01, weight_decay=0.1, amsgrad=True),
    ),
    Clipped: (
        Clipped(SGD(0.05, momentum=0.9), norm=0.5),
        Clipped(Adam(0.01), value=0.1),
    ),
}

OPTIMIZERS: dict[str, type[Optimizer]] = {kind.__name__: kind for kind in EXAMPLES}
