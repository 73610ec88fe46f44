"""What a student is told about their hand-in, in the language of their sheet."""

from collections.abc import Iterable, Iterator

from clearprop.base import messages
from clearprop.base.numbers import brief
from clearprop.teaching.grading.class_marking import MarkedHandIn

# What a student wrote is quoted up to here.
_QUOTED = 40
# Between sentences, between clauses, between names.
_SEPARATORS = {"en": (" ", "; ", ", "), "zh-TW": ("", "；", "、")}


def comment(marked: MarkedHandIn, same_id: int = 1) -> str:
    """The comment on a hand-in: what is wrong, what counted all the same, what was left open.

    same_id  how many hand-ins of the class have its id
    """
    said = list(_sentences(marked))
    if marked.student_id and same_id > 1:
        key = "grading.comment.same_id"
        said.append(messages.text(marked.key.language, key, count=same_id))
    return _SEPARATORS[marked.key.language][0].join(said)


def legible(text: str, longest: int = _QUOTED) -> str:
    """Somebody's text on one line, shortened, without characters that steer a terminal."""
    line = "".join(mark if mark.isprintable() else " " for mark in text[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _sentences(marked: MarkedHandIn) -> Iterator[str]:
    language, marks = marked.key.language, marked.marks

    def say(name: str, /, **values: object) -> str:
        return messages.text(language, f"grading.comment.{name}", **values)

    by_outcome = {
        outcome: [one for one in marks.blanks if one.outcome == outcome]
        for outcome in ("right", "wrong", "follows", "unreadable", "missing")
    }
    if len(by_outcome["right"]) == len(marks.blanks):
        yield say("all_right")
    if len(by_outcome["missing"]) == len(marks.blanks):
        yield say("nothing")
    elif missing := by_outcome["missing"]:
        yield say("missing", names=_listed(language, (one.name for one in missing)))
    if wrong := by_outcome["wrong"]:
        instead = [
            say(
                "instead",
                name=one.name,
                answer="" if one.answer is None else brief(one.answer),
                expected=brief(one.expected),
            )
            for one in wrong
        ]
        yield say("wrong", blanks=_SEPARATORS[language][1].join(instead))
    if follows := by_outcome["follows"]:
        yield say("follows", names=_listed(language, (one.name for one in follows)))
    if unreadable := by_outcome["unreadable"]:
        answers = marked.handin.answers
        quoted = [f"{one.name} = {legible(str(answers[one.name]))}" for one in unreadable]
        yield say("unreadable", blanks=_listed(language, quoted))
    if marks.unknown:
        shown = [legible(name) for name in marks.unknown[:5]]
        yield say("unknown", names=_listed(language, shown))
    if marked.code is not None:
        yield from marked.code.sentences(language)
    handed, made_for = marked.handin.student_id, marked.key.student_id
    if handed and made_for and handed != made_for:
        yield say("other_student", id=made_for)


def _listed(language: str, names: Iterable[str]) -> str:
    return _SEPARATORS[language][2].join(names)
