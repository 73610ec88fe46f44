"""The screen of a search for names leaves out no slip that would hold, and most of the others."""

from dataclasses import replace

import numpy as np
import pytest

from clearprop.checking.diagnosis.along_tape.completed_samples import (
    Sample,
    with_samples_completed,
)
from clearprop.checking.diagnosis.along_tape.screening import screen_of
from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, hypothesis
from clearprop.checking.diagnosis.along_tape.tape_search import all_slips, taped
from clearprop.checking.diagnosis.hypotheses import Discrepancy
from clearprop.checking.gallery import attention_forms, written_loops
from clearprop.checking.gallery.handed_forms import specimen
from clearprop.checking.gallery.specimen import Written

EVERY = {one.name: one for one in (*attention_forms.FORMS, *written_loops.LOOPS)}


def searched(written: Written, mistake: str) -> tuple[Discrepancy, TapePass]:
    discrepancy = Discrepancy.of(specimen(written, mistake).evidence())
    assert discrepancy is not None
    found = taped(discrepancy)
    assert found is not None
    return discrepancy, found


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("one matrix for q, k and v", "attention_rows"),
        ("letters one by one", "one_time, of Whh"),
        ("sequences of several lengths", "lengths_ignored"),
    ],
)
def test_what_it_leaves_out_would_not_have_held(name: str, mistake: str) -> None:
    discrepancy, found = searched(EVERY[name], mistake)
    screen = screen_of(discrepancy, found)
    assert screen is not None
    slips = [*all_slips(found)]
    lost = [screen.lost(slip) for slip in slips]
    for slip, fallen in zip(slips, lost, strict=True):
        full = discrepancy.weigh(hypothesis(found, slip))
        if full.names:
            assert fallen is None, slip.key
        if fallen is not None:
            gradients = full.hypothesis.predicted
            assert {*fallen.hypothesis.predicted} == {*gradients}
            for given, own in fallen.hypothesis.predicted.items():
                np.testing.assert_array_equal(own, gradients[given])
    assert sum(one is not None for one in lost) > 0.7 * len(slips)
    held = [one for one in slips if discrepancy.weigh(hypothesis(found, one)).lost is None]
    assert mistake.partition(",")[0] in {one.key for one in held}


def test_where_the_tapes_gradients_are_not_those_of_its_numbers_there_is_no_screen() -> None:
    discrepancy, found = searched(EVERY["letters one by one"], "one_time, of Whh")
    other = replace(found, dy=2 * found.dy)
    vars(other)["right"] = found.right
    assert screen_of(discrepancy, found) is not None
    assert screen_of(discrepancy, other) is None


def test_a_sample_is_completed_where_the_tape_has_what_was_measured() -> None:
    evidence = specimen(EVERY["one matrix for q, k and v"], "attention_rows").evidence()
    whole, claimed = evidence.expected["W_qkv"], evidence.claimed["W_qkv"]
    measured = np.full(whole.shape, np.nan)
    measured[::2, :3] = whole[::2, :3]
    rest = replace(
        evidence, expected={n: one for n, one in evidence.expected.items() if n != "W_qkv"}
    )
    tolerance = evidence.tolerance("W_qkv")
    made = with_samples_completed(rest, {"W_qkv": Sample(claimed, measured, tolerance)})
    np.testing.assert_allclose(made.expected["W_qkv"], whole, atol=tolerance)
    assert made.claimed["W_qkv"] is claimed
    for spoiled in (measured + 10 * tolerance, np.full(whole.shape, np.nan)):
        sample = Sample(claimed, spoiled, tolerance)
        assert with_samples_completed(rest, {"W_qkv": sample}) is rest
