"""What a check found, as data that tells itself: outcomes, findings, mistakes, candidates."""

from clearprop.checking.verdict.array_verdicts import ArrayVerdict, Kink
from clearprop.checking.verdict.candidates import Candidate, Lost, Prediction, Standing
from clearprop.checking.verdict.coverage import (
    NotCompared,
    NotComparedReason,
    NotExercised,
    NotExercisedKind,
)
from clearprop.checking.verdict.findings import CheckFinding, FindingKind
from clearprop.checking.verdict.mistakes import LikelyMistake, MistakeKind
from clearprop.checking.verdict.outcomes import RIGHT, UNDECIDED, WRONG, Outcome, worst_outcome
from clearprop.checking.verdict.verdict import Verdict, junit
from clearprop.checking.verdict.witness_verdicts import WitnessName, WitnessOutcome, WitnessVerdict

__all__ = [
    "RIGHT",
    "UNDECIDED",
    "WRONG",
    "ArrayVerdict",
    "Candidate",
    "CheckFinding",
    "FindingKind",
    "Kink",
    "LikelyMistake",
    "Lost",
    "MistakeKind",
    "NotCompared",
    "NotComparedReason",
    "NotExercised",
    "NotExercisedKind",
    "Outcome",
    "Prediction",
    "Standing",
    "Verdict",
    "WitnessName",
    "WitnessOutcome",
    "WitnessVerdict",
    "junit",
    "worst_outcome",
]
