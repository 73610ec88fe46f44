"""A likely mistake, and its words: its name, its evidence with the numbers, and what to change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.checking.verdict.outcomes import PlainEnum, say

ROUNDING = float(np.finfo(np.float64).eps)


class MistakeKind(PlainEnum):
    """Every mistake that the diagnosis knows; `mistakes.<kind>` of the message tables has its
    name, its evidence and how it is mended."""

    SIGN = "sign"
    TRANSPOSED = "transposed"
    ZEROS = "zeros"
    SUMMED_FOR_MEAN = "summed_for_mean"
    MEAN_FOR_SUM = "mean_for_sum"
    FACTOR_TWO = "factor_two"
    FACTOR_HALF = "factor_half"
    FACTOR_OUTPUTS = "factor_outputs"
    FACTOR = "factor"
    SWAPPED = "swapped"
    UNSUMMED = "unsummed"
    ACCUMULATED = "accumulated"
    PRECISION = "precision"
    KINK = "kink"
    OTHER_FUNCTION = "other_function"
    UPSTREAM_IGNORED = "upstream_ignored"
    GRADIENT_STOPS = "gradient_stops"
    DERIVATIVE_MISSING = "derivative_missing"
    DERIVATIVE_MISSING_FOR_WEIGHT = "derivative_missing_for_weight"
    DERIVATIVE_AT_A = "derivative_at_a"
    DERIVATIVE_OF_Z = "derivative_of_z"
    DERIVATIVE_TWICE = "derivative_twice"
    VALUE_FOR_DERIVATIVE = "value_for_derivative"
    INPUT_FOR_DERIVATIVE = "input_for_derivative"
    MASK_FROM_UPSTREAM = "mask_from_upstream"
    MASK_INVERTED = "mask_inverted"
    WEIGHT_FROM_Z = "weight_from_z"
    WEIGHT_NOT_TRANSPOSED = "weight_not_transposed"
    UPDATED_WEIGHTS = "updated_weights"
    WEIGHT_DECAY = "weight_decay"
    SAMPLE_MISSING = "sample_missing"
    ONE_SAMPLE = "one_sample"
    SOFTMAX_DIAGONAL = "softmax_diagonal"
    SOFTMAX_SUM = "softmax_sum"
    SOFTMAX_FACTOR = "softmax_factor"
    DROPOUT_SCALE = "dropout_scale"
    DROPOUT_MASK = "dropout_mask"
    NORM_CONSTANT = "norm_constant"
    NORM_MEAN_CONSTANT = "norm_mean_constant"
    NORM_VARIANCE_CONSTANT = "norm_variance_constant"
    NORM_GAIN_MISSING = "norm_gain_missing"
    NORM_GAIN_FROM_INPUT = "norm_gain_from_input"
    RESIDUAL_SKIP = "residual_skip"
    RESIDUAL_BRANCH = "residual_branch"
    FACTOR_HANDED_ON = "factor_handed_on"
    EMBEDDING_OVERWRITTEN = "embedding_overwritten"
    PENALTY_MISSING = "penalty_missing"
    PENALTY_HALVED = "penalty_halved"
    PENALTY_DOUBLED = "penalty_doubled"
    PENALTY_NEGATIVE = "penalty_negative"
    PENALTY_FACTOR = "penalty_factor"
    DERIVATIVE_ON_CROSS_ENTROPY = "derivative_on_cross_entropy"
    CROSS_ENTROPY_OF_LOGITS = "cross_entropy_of_logits"
    LABELS_SHIFTED = "labels_shifted"
    TARGET_MISSING = "target_missing"
    IGNORED_COUNTED = "ignored_counted"
    DROPOUT_REDRAWN = "dropout_redrawn"
    NORM_PATH_FACTOR = "norm_path_factor"
    NORM_BESSEL = "norm_bessel"
    NORM_AXES = "norm_axes"
    NORM_DIVISOR = "norm_divisor"
    NORM_HAT_MISSING = "norm_hat_missing"
    ATTENTION_COLUMNS = "attention_columns"
    ATTENTION_MASK = "attention_mask"
    ATTENTION_SCALE_MISSING = "attention_scale_missing"
    ATTENTION_SCALE_TWICE = "attention_scale_twice"
    ATTENTION_SCALE_OTHER = "attention_scale_other"
    ATTENTION_OPERANDS = "attention_operands"
    ATTENTION_ROWS = "attention_rows"
    HEADS_ORDER = "heads_order"
    KERNEL_TURNED = "kernel_turned"
    CHANNELS_SWAPPED = "channels_swapped"
    KERNEL_TRANSPOSED = "kernel_transposed"
    BORDER_KEPT = "border_kept"
    ONE_PLACE = "one_place"
    STRIDE_FORGOTTEN = "stride_forgotten"
    DILATION_FORGOTTEN = "dilation_forgotten"
    GROUPS_FORGOTTEN = "groups_forgotten"
    WINDOW_OVERWRITTEN = "window_overwritten"
    RESHAPE_ORDER = "reshape_order"
    BIAS_AXES = "bias_axes"
    POOL_TIES = "pool_ties"
    POOL_WINDOW = "pool_window"
    POOL_SPREAD = "pool_spread"
    AVERAGE_FACTOR = "average_factor"
    AVERAGE_BORDER = "average_border"
    WRONG_CACHE = "wrong_cache"
    WRONG_SIGNAL = "wrong_signal"
    WRONG_AXIS = "wrong_axis"
    PATH_FORGOTTEN = "path_forgotten"
    TIME_STOPS = "time_stops"
    TIME_CUT = "time_cut"
    ONE_TIME = "one_time"
    STATE_AFTER = "state_after"
    STATE_SLOPE = "state_slope"
    SLOPE_ON_THE_WAY = "slope_on_the_way"
    CELL_AFTER = "cell_after"
    GATES_SWAPPED = "gates_swapped"
    GATE_SLOPE_MISSING = "gate_slope_missing"
    CELL_FORGOTTEN = "cell_forgotten"
    CELL_GATE_MISSING = "cell_gate_missing"
    CELL_SLOPE_MISSING = "cell_slope_missing"
    STATE_KEPT_MISSING = "state_kept_missing"
    RESET_MISSING = "reset_missing"
    LENGTHS_IGNORED = "lengths_ignored"
    DIRECTION_ORDER = "direction_order"
    ONE_ENTRY = "one_entry"
    ONE_ROW = "one_row"
    ONE_COLUMN = "one_column"


class MistakeWords(NamedTuple):
    """What a person reads of one mistake."""

    name: str
    evidence: str
    mend: str


@dataclass(frozen=True, kw_only=True)
class LikelyMistake:
    """A likely mistake, named because its transformation reproduces the claimed numbers.

    arrays    the arrays that it explains
    values    the fields of its sentences (a factor, a layer's path, an index)
    residual  the largest difference between what the transformation gives and what was claimed,
              relative to the claimed array's largest entry
    alternatives  other mistakes that give the same numbers at this point
    """

    key: MistakeKind
    arrays: tuple[str, ...]
    values: Mapping[str, object]
    residual: float
    alternatives: tuple["LikelyMistake", ...] = ()

    def words(self, language: str = "en") -> MistakeWords:
        """Its three sentences in `language` ("en" or "zh-TW")."""
        values = {
            **self.values,
            "arrays": ", ".join(self.arrays),
            # Two computations that agree to the last digit agree no better than that.
            "residual": max(self.residual, ROUNDING),
        }
        return MistakeWords(
            *(
                messages.text(language, f"mistakes.{self.key}.{part}", **values)
                for part in MistakeWords._fields
            )
        )

    def sentence(self, language: str = "en") -> str:
        """Its name, what gives it away and how it is mended, as one sentence of the report."""
        return say(language, "mistake", **self.words(language)._asdict())
