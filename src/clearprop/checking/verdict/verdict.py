"""The verdict of a check, as data that can be asked and that tells itself."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clearprop.base.errors import GradientError
from clearprop.base.json_values import json_values
from clearprop.base.numbers import general
from clearprop.checking.verdict.array_verdicts import ArrayVerdict
from clearprop.checking.verdict.candidates import Candidate
from clearprop.checking.verdict.coverage import NotCompared, NotExercised
from clearprop.checking.verdict.findings import CheckFinding
from clearprop.checking.verdict.mistakes import LikelyMistake
from clearprop.checking.verdict.outcomes import (
    UNDECIDED,
    WRONG,
    Outcome,
    say,
    worst_outcome,
)
from clearprop.checking.verdict.presentation import (
    Case,
    ReportWords,
    Suite,
    as_html,
    as_junit,
    as_text,
)
from clearprop.checking.verdict.witness_verdicts import WitnessVerdict

HEADS = ("array", "outcome", "checked", "claimed", "expected", "error", "tolerance")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of one check, with everything that it rests on.

    not_compared   arrays whose gradient was not compared
    not_exercised  what the point leaves open: a mistake there would not have been seen
    mistakes    what was probably done wrong, most likely first
    candidates  every mistake that was thought of for it, the nearest of each kind: those that were
                named, then those that lost, the nearest first

    `str(verdict)` is the report in English, `text("zh-TW")` in Traditional Chinese; a notebook
    shows it as HTML. `why()` says why a mistake was named, and others were not.
    """

    name: str
    outcome: Outcome
    arrays: tuple[ArrayVerdict, ...]
    findings: tuple[CheckFinding, ...] = ()
    witnesses: tuple[WitnessVerdict, ...] = ()
    mistakes: tuple[LikelyMistake, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    not_exercised: tuple[NotExercised, ...] = ()

    def __str__(self) -> str:
        return self.text()

    def headline(self, language: str = "en") -> str:
        """What was checked and how it came out, in one line."""
        return say(language, f"headline.{self.outcome}", name=self.name)

    def table(self, language: str = "en") -> tuple[list[str], list[list[str]]]:
        """The heads and the rows of the table of arrays."""
        heads = [say(language, f"head.{name}") for name in HEADS]
        return heads, [one.cells(language) for one in self.arrays]

    def sentences(self, language: str = "en") -> Iterator[str]:
        """Everything that there is to say beside the table, a sentence or two a line."""
        for finding in self.findings:
            yield finding.sentence(language)
        for one in self.arrays:
            yield from one.sentences(language)
        for mistake in self.mistakes:
            yield mistake.sentence(language)
        yield from self._left_open(language)
        for witness in self.witnesses:
            yield witness.sentence(language)
        if self.arrays:
            yield self._method(language)

    def text(self, language: str = "en") -> str:
        """The report as lines of text in `language` ("en" or "zh-TW")."""
        return as_text(self._words(language))

    def html(self, language: str = "en") -> str:
        """The report as a piece of HTML."""
        return as_html(self._words(language))

    def _repr_html_(self) -> str:
        return self.html()

    def why(self, language: str = "en") -> str:
        """Why what was named was named, and the others were not: a line for every candidate."""
        if not self.candidates:
            return say(language, "why.no_candidates")
        named = any(one.lost is None for one in self.candidates)
        head = say(language, "why.head_named" if named else "why.head_unknown")
        return "\n".join([head, *(f"- {one.sentence(language)}" for one in self.candidates)])

    def to_json(self) -> str:
        """Everything in the verdict as JSON; numbers that are not finite are the strings "NaN",
        "Infinity" and "-Infinity"."""
        return json.dumps(
            json_values(self), ensure_ascii=False, indent=2, allow_nan=False, default=str
        )

    def to_junit(self, language: str = "en") -> str:
        """The verdict as JUnit XML, a test case for every array, for a build server."""
        return junit((self,), language)

    def suite(self, language: str = "en") -> Suite:
        """A test case for every array, and one for the rules where they have something to say."""
        cases = [
            Case(one.name, one.outcome, "\n".join(one.sentences(language))) for one in self.arrays
        ]
        if self.findings or not self.arrays:
            lines = "\n".join(one.sentence(language) for one in self.findings)
            worst = worst_outcome(one.outcome for one in self.findings)
            cases.append(Case(say(language, "rules"), worst, lines))
        left_open = "\n".join(self._left_open(language))
        return Suite(self.name, cases, self.text(language), left_open)

    def raise_if_wrong(self, *, undecided: bool = False) -> "Verdict":
        """Return the verdict. Raises GradientError, whose sentence is the verdict, where it is
        wrong; with `undecided=True` also where it is not known to be right."""
        __tracebackhide__ = True  # in pytest, the line that asked is the last
        if self.outcome == WRONG or (undecided and self.outcome == UNDECIDED):
            raise GradientError("gradient_wrong", verdict=self)
        return self

    def array(self, name: str) -> ArrayVerdict:
        """The verdict of one array. Raises KeyError."""
        for one in self.arrays:
            if one.name == name:
                return one
        raise KeyError(name)

    def _left_open(self, language: str) -> Iterator[str]:
        """What was not compared, and what was not exercised."""
        for left_out in self.not_compared:
            yield left_out.sentence(language)
        for unseen in self.not_exercised:
            yield unseen.sentence(language)

    def _words(self, language: str) -> ReportWords:
        heads, rows = self.table(language)
        sentences = list(self.sentences(language))
        return ReportWords(language, self.outcome, self.headline(language), heads, rows, sentences)

    def _method(self, language: str) -> str:
        """How the gradients were compared: method, entries, step, where the tolerance is from."""
        directions = sum(one.directions for one in self.arrays)
        steps = [one.step for one in self.arrays if one.step]
        return say(
            language,
            "method.sample" if directions else "method.every_entry",
            checked=f"{sum(one.checked for one in self.arrays):,}",
            size=f"{sum(one.size for one in self.arrays):,}",
            directions=directions,
            step=general(min(steps), 2) if steps else "—",
            source=say(language, f"source.{self.arrays[0].tolerance_source}"),
        )


def junit(verdicts: Sequence[Verdict], language: str = "en") -> str:
    """JUnit XML of several verdicts, a suite for each."""
    return as_junit([one.suite(language) for one in verdicts])
