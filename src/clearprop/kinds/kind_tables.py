"""The tables of everything that clearprop knows by name: kind → row, name → class, examples.

What runs over every layer, loss, optimizer or schedule (the conformance tests, loading a file,
spellings on a command line) reads these. A kind that has no row does not exist for them, and a test
fails until it has one.
"""

from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import Loss
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.schedules import Schedule
from clearprop.kinds.activation_kinds import ACTIVATIONS
from clearprop.kinds.adaptive_pooling_kinds import ADAPTIVE_POOLINGS
from clearprop.kinds.attention_kinds import ATTENTION
from clearprop.kinds.cell_kinds import CELLS
from clearprop.kinds.channel_norm_kinds import CHANNEL_NORMS
from clearprop.kinds.combinator_kinds import COMBINATORS
from clearprop.kinds.convolution_kinds import CONVOLUTIONS
from clearprop.kinds.dropout_kinds import DROPOUT
from clearprop.kinds.embedding_kinds import EMBEDDING, UNEMBEDDING
from clearprop.kinds.entropy_loss_kinds import ENTROPY_LOSSES
from clearprop.kinds.gated_kinds import SWIGLU
from clearprop.kinds.initializer_kinds import INITIALIZER_KINDS
from clearprop.kinds.linear_kinds import LINEAR
from clearprop.kinds.normalization_kinds import NORMALIZATIONS
from clearprop.kinds.optimizer_kinds import OPTIMIZER_KINDS
from clearprop.kinds.poisson_loss_kinds import POISSON
from clearprop.kinds.pooling_kinds import POOLINGS
from clearprop.kinds.position_kinds import POSITIONS
from clearprop.kinds.rectifier_kinds import RECTIFIERS
from clearprop.kinds.recurrent_kinds import RECURRENT
from clearprop.kinds.regression_loss_kinds import REGRESSION_LOSSES
from clearprop.kinds.reshaping_kinds import RESHAPINGS
from clearprop.kinds.row import (
    CombinatorRow,
    LayerExample,
    LayerRow,
    LossExample,
    LossRow,
)
from clearprop.kinds.schedule_kinds import SCHEDULE_KINDS
from clearprop.kinds.smooth_activation_kinds import SMOOTH_ACTIVATIONS
from clearprop.kinds.softmax_kinds import SOFTMAX
from clearprop.kinds.table_input_kinds import TABLE_INPUTS
from clearprop.kinds.time_slice_kinds import TIME_SLICE
from clearprop.kinds.training_rows import InitializerRow, OptimizerRow, ScheduleRow

# Combinators are not among the rows of layers: what goes through a network reads its graph.
LAYER_ROWS: dict[type[Layer], LayerRow] = {
    row.kind: row
    for row in (
        LINEAR,
        *ACTIVATIONS,
        *RECTIFIERS,
        *SMOOTH_ACTIVATIONS,
        *SOFTMAX,
        *NORMALIZATIONS,
        DROPOUT,
        EMBEDDING,
        *RECURRENT,
        *CELLS,
        TIME_SLICE,
        UNEMBEDDING,
        *POSITIONS,
        ATTENTION,
        SWIGLU,
        *TABLE_INPUTS,
        *CONVOLUTIONS,
        *POOLINGS,
        *ADAPTIVE_POOLINGS,
        *RESHAPINGS,
        *CHANNEL_NORMS,
    )
}
COMBINATOR_ROWS: dict[type[Layer], CombinatorRow] = {row.kind: row for row in COMBINATORS}
LOSS_ROWS: dict[type[Loss], LossRow] = {
    row.kind: row for row in (*REGRESSION_LOSSES, *ENTROPY_LOSSES, POISSON)
}
OPTIMIZER_ROWS: dict[type[Optimizer], OptimizerRow] = {row.kind: row for row in OPTIMIZER_KINDS}
SCHEDULE_ROWS: dict[type[Schedule], ScheduleRow] = {row.kind: row for row in SCHEDULE_KINDS}
INITIALIZER_ROWS: dict[type[Initializer], InitializerRow] = {
    row.kind: row for row in INITIALIZER_KINDS
}

LAYER_EXAMPLES: dict[type[Layer], tuple[LayerExample, ...]] = {
    **{kind: row.examples for kind, row in LAYER_ROWS.items()},
    **{kind: row.examples for kind, row in COMBINATOR_ROWS.items()},
}
LOSS_EXAMPLES: dict[type[Loss], tuple[LossExample, ...]] = {
    kind: row.examples for kind, row in LOSS_ROWS.items()
}

LAYERS: dict[str, type[Layer]] = {kind.__name__: kind for kind in LAYER_EXAMPLES}
LOSSES: dict[str, type[Loss]] = {kind.__name__: kind for kind in LOSS_ROWS}
OPTIMIZERS: dict[str, type[Optimizer]] = {kind.__name__: kind for kind in OPTIMIZER_ROWS}
SCHEDULES: dict[str, type[Schedule]] = {kind.__name__: kind for kind in SCHEDULE_ROWS}
INITIALIZERS: dict[str, type[Initializer]] = {kind.__name__: kind for kind in INITIALIZER_ROWS}
