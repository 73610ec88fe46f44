"""The lesson of a session: which one is open, and what was answered rightly in it."""

from typing import Any

from clearprop.base.errors import ConfigurationError
from clearprop.lab.lab_recipe import Problem
from clearprop.lab.lesson_files import LESSONS, Lesson, in_language, own_lesson
from clearprop.lab.lesson_marks import Reached, lesson_content, lesson_problem, mark_part


class LessonTalk:
    """Of one session. `brought` is a lesson that is not one of ours, or the one to begin with."""

    def __init__(self, brought: Lesson | None = None) -> None:
        self._brought = self._open = brought
        self._right: set[int] = set()

    def listed(self, language: str) -> list[dict[str, Any]]:
        """What there is to choose from, as it stands in `welcome`."""
        own = [own_lesson(name) for name in LESSONS]
        if self._brought is not None:
            own = [self._brought, *(one for one in own if one.name != self._brought.name)]
            own.sort(key=lambda one: LESSONS.index(one.name) if one.name in LESSONS else -1)
        return [{"name": one.name, "title": in_language(one.titles, language)} for one in own]

    def begin(self, name: str) -> Problem:
        """Open a lesson; where it begins. Raises UnknownNameError, and keeps the old one then."""
        brought = self._brought is not None and self._brought.name == name
        lesson = self._brought if brought and self._brought is not None else own_lesson(name)
        problem = lesson_problem(lesson)
        self._open, self._right = lesson, set()
        return problem

    def leave(self) -> dict[str, Any]:
        """Open none any more; the message `lesson` that says so."""
        self._open, self._right = None, set()
        return {"type": "lesson", "name": None, "content": None}

    def told(self, language: str) -> list[dict[str, Any]]:
        """The message `lesson`; none where no lesson is open."""
        if self._open is None:
            return []
        content = lesson_content(self._open, language)
        return [{"type": "lesson", "name": self._open.name, "content": content}]

    def mark(self, part: int, text: str | None, reached: Reached, language: str) -> dict[str, Any]:
        """The message `mark` of a part. Raises ConfigurationError where no lesson is open."""
        if self._open is None:
            raise ConfigurationError("lesson_none")
        found = mark_part(self._open, part, text, reached, language)
        if found["outcome"] == "right":
            self._right.add(part)
        asked = sum(1 for one in self._open.parts if one.ask or one.goal)
        counted = {"right": len(self._right), "asked": asked}
        return {"type": "mark", "of": "lesson", **found, "mistake": None, **counted}
