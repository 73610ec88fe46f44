"""For a person's own tests: `assert_gradients` is `clearprop.check` as an assertion."""

from typing import Any

from clearprop.checking import check
from clearprop.checking.verdict import RIGHT, Verdict


def assert_gradients(target: Any, /, *arrays: Any, language: str = "en", **options: Any) -> Verdict:
    """Check `target` as `clearprop.check` does, with the same arguments, and return the verdict.

    Raises AssertionError, whose message is the verdict in `language`, unless it is right: an
    undecided check has shown nothing. In pytest's traceback the test's own line is the last.
    """
    __tracebackhide__ = True
    verdict = check(target, *arrays, **options)
    if verdict.outcome != RIGHT:
        raise AssertionError(verdict.text(language))
    return verdict
