"""How a class did: of every blank how often it was right, and the mistakes that were made, counted;
as data, and as a document for other programs.

{"format": "clearprop-statistics", "version": 1, "handed_in": 28, "nothing_handed_in": […],
 "sheets": [{"topic", "level", "hand_ins", "points", "out_of",
             "blanks": [{"name", "asked", "right", …, "mistakes": {"sign": 3}}],
             "code": {"right": 20, …}, "code_mistakes": {"weight_from_z": 4}}]}
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import get_args

from clearprop.teaching.grading.absentees import Absentee
from clearprop.teaching.grading.marked_handins import MarkedHandIn, MarkingResult
from clearprop.teaching.grading.marking import BlankOutcome

FORMAT, VERSION = "clearprop-statistics", 1


@dataclass(frozen=True)
class BlankStatistics:
    """One blank over a class: how many were asked, how many came out how, and the likely mistakes
    by how often they were made. Of variants in which another neuron is off, some ask for more."""

    name: str
    asked: int
    outcomes: Mapping[str, int]
    mistakes: Mapping[str, int]

    @property
    def earned(self) -> int:
        """How many got its points."""
        return self.outcomes["right"] + self.outcomes["follows"]


@dataclass(frozen=True)
class SheetStatistics:
    """All hand-ins of one topic and level that were marked, and were not empty."""

    topic: str
    level: int
    hand_ins: int
    points: int
    out_of: int
    blanks: tuple[BlankStatistics, ...]
    code: Mapping[str, int]
    code_mistakes: Mapping[str, int]


def class_statistics(outcomes: Sequence[MarkingResult]) -> tuple[SheetStatistics, ...]:
    """The statistics of every topic and level that was handed in."""
    groups: dict[tuple[str, int], list[MarkedHandIn]] = {}
    for one in outcomes:
        if isinstance(one, MarkedHandIn) and not one.is_empty:
            sheet = one.key.exercise
            groups.setdefault((sheet.topic, sheet.level), []).append(one)
    return tuple(_sheet(topic, level, marked) for (topic, level), marked in sorted(groups.items()))


def statistics_json(outcomes: Sequence[MarkingResult], absent: Sequence[Absentee]) -> bytes:
    """The document."""
    sheets = class_statistics(outcomes)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "handed_in": sum(not (isinstance(one, MarkedHandIn) and one.is_empty) for one in outcomes),
        "nothing_handed_in": [asdict(one) for one in absent],
        "sheets": [
            {
                **asdict(sheet),
                "blanks": [
                    {
                        "name": blank.name,
                        "asked": blank.asked,
                        **blank.outcomes,
                        "mistakes": blank.mistakes,
                    }
                    for blank in sheet.blanks
                ],
            }
            for sheet in sheets
        ],
    }
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _sheet(topic: str, level: int, marked: Sequence[MarkedHandIn]) -> SheetStatistics:
    codes = [one.code for one in marked if one.code is not None]
    named = (
        mistake
        for code in codes
        if code.verdict is not None
        for mistake in {one.key.value for one in code.verdict.mistakes}
    )
    return SheetStatistics(
        topic=topic,
        level=level,
        hand_ins=len(marked),
        points=sum(one.marks.points for one in marked),
        out_of=sum(one.key.exercise.points for one in marked),
        blanks=tuple(_blanks(marked)),
        code=_counted(code.outcome for code in codes),
        code_mistakes=_counted(named),
    )


def _blanks(marked: Sequence[MarkedHandIn]) -> list[BlankStatistics]:
    marks = [blank for one in marked for blank in one.marks.blanks]
    found = []
    for name in dict.fromkeys(blank.name for blank in marks):
        own = [blank for blank in marks if blank.name == name]
        outcomes = Counter(blank.outcome for blank in own)
        found.append(
            BlankStatistics(
                name=name,
                asked=len(own),
                outcomes={outcome: outcomes[outcome] for outcome in get_args(BlankOutcome)},
                mistakes=_counted(one.mistake.value for one in own if one.mistake is not None),
            )
        )
    return found


def _counted(keys: Iterable[str]) -> Mapping[str, int]:
    """How often each is there, the most frequent first, and those of one count by name."""
    return dict(sorted(Counter(keys).items(), key=lambda item: (-item[1], item[0])))
