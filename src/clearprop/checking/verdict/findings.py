"""What a check finds beside the numbers: rules that the code breaks, and what it had to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from clearprop.base import messages
from clearprop.checking.verdict.outcomes import Outcome, PlainEnum, place, say


class FindingKind(PlainEnum):
    """Every kind of finding; its wording is `checking.findings.<kind>` of the message tables."""

    NOT_REPEATABLE = "not_repeatable"
    REPEATED_BY_KEY = "repeated_by_key"
    OUTPUT_NOT_FINITE = "output_not_finite"
    OUTPUT_COMPLEX = "output_complex"
    HALF_PRECISION = "half_precision"
    NOTHING_COMPARED = "nothing_compared"
    BROADCAST = "broadcast"
    BROADCAST_COMPUTED = "broadcast_computed"
    FORWARD_EDITS = "forward_edits"
    BACKWARD_EDITS = "backward_edits"
    CACHE_EDITED = "cache_edited"
    RESULT_REUSED = "result_reused"
    ACCUMULATES = "accumulates"
    SECOND_CALL_DIFFERS = "second_call_differs"
    TRAINING_DIFFERS = "training_differs"
    DTYPE = "dtype"
    SHAPE = "shape"
    NOT_FINITE = "not_finite"
    PRECISION = "precision"
    WITNESS_OUTPUT = "witness_output"
    WITNESS_DISAGREES = "witness_disagrees"
    FORWARD_FAILS_IN_FLOAT64 = "forward_fails_in_float64"
    BACKWARD_FAILS_IN_FLOAT64 = "backward_fails_in_float64"
    GRADIENTS_LOST_IN_FLOAT64 = "gradients_lost_in_float64"
    FLOAT32_GRADIENTS = "float32_gradients"
    FAILS_WHEN_RUN_AGAIN = "fails_when_run_again"
    NO_NAME_OF_A_SAMPLE = "no_name_of_a_sample"
    LOSS_GRADIENT = "loss_gradient"
    LOSS_MEAN = "loss_mean"
    LOSS_SUM = "loss_sum"
    LOSS_WITH_GRADIENTS = "loss_with_gradients"
    OF_THE_OUTPUT = "of_the_output"
    AVERAGED = "averaged"
    MEANT_AVERAGED = "meant_averaged"
    IMPLIED_LOSS = "implied_loss"
    NOT_CLAIMED = "not_claimed"
    NOT_CLAIMED_PARAMETER = "not_claimed_parameter"


@dataclass(frozen=True)
class CheckFinding:
    """Something that the check found beside the numbers; `values` are the sentence's fields."""

    key: FindingKind
    outcome: Outcome
    values: Mapping[str, object]

    def sentence(self, language: str = "en") -> str:
        """The finding in words, in `language` ("en" or "zh-TW")."""
        values = {**self.values}
        if "index" in values:
            values["index"] = place(values["index"])
        # A shape or a dtype of its own with the right numbers in it is no mistake by itself.
        known = messages.table(language, "checking")
        own = f"findings.{self.key}_{self.outcome}"
        return say(language, own if own in known else f"findings.{self.key}", **values)
