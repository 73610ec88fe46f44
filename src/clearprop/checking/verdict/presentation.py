"""The words of a verdict laid out: as lines of text, as HTML, as JUnit XML."""

import html as markup
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from clearprop.base.text_tables import aligned
from clearprop.checking.verdict.outcomes import RIGHT, UNDECIDED, WRONG, Outcome

# As easy to read on the white of a light notebook as on the black of a dark one: 4.5 and 4 to 1.
COLOURS = {RIGHT: "#218838", WRONG: "#dc362e", UNDECIDED: "#a56900"}
# ReportWords to the left, numbers to the right.
CELLS = ["padding:2px 8px;text-align:left"] * 2 + ["padding:2px 8px;text-align:right"] * 5


class ReportWords(NamedTuple):
    """A verdict in one language: its first line, its table (no rows, no table), its sentences."""

    language: str
    outcome: Outcome
    headline: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    sentences: Sequence[str]


class Case(NamedTuple):
    """One test case of a build server: an array, or the rules."""

    name: str
    outcome: Outcome
    lines: str


class Suite(NamedTuple):
    """The cases of one verdict, its whole report, which a failed case shows, and what was not
    looked at, which a suite says for itself."""

    name: str
    cases: Sequence[Case]
    report: str
    left_open: str = ""


def as_text(words: ReportWords) -> str:
    """The whole report as lines of text."""
    lines = [words.headline]
    if words.rows:
        lines += [f"  {line}" for line in aligned([words.heads, *words.rows], left=None)]
    lines += [f"- {sentence}" for sentence in words.sentences]
    return "\n".join(lines)


def as_html(words: ReportWords) -> str:
    """The report as a piece of HTML that brings its own few styles."""
    escape = markup.escape
    parts = [
        f'<div lang="{words.language}">'
        f'<p style="font-weight:bold;color:{COLOURS[words.outcome]}">'
        f"{escape(words.headline)}</p>"
    ]
    if words.rows:
        head = "".join(
            f'<th scope="col" style="{style}">{escape(name)}</th>'
            for name, style in zip(words.heads, CELLS, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="{style}">{escape(cell)}</td>'
                for cell, style in zip(row, CELLS, strict=True)
            )
            + "</tr>"
            for row in words.rows
        )
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    items = "".join(f"<li>{escape(one)}</li>" for one in words.sentences)
    parts.append(f"<ul>{items}</ul></div>" if items else "</div>")
    return "".join(parts)


def as_junit(suites: Sequence[Suite]) -> str:
    """JUnit XML: a suite for every verdict, a case for every array and for the rules.

    Wrong is a failure; undecided is skipped, with its reason.
    """
    root = ElementTree.Element("testsuites", name="clearprop check")
    for suite in suites:
        element = ElementTree.SubElement(root, "testsuite", name=suite.name)
        for name, outcome, lines in suite.cases:
            case = ElementTree.SubElement(element, "testcase", classname=suite.name, name=name)
            if outcome == WRONG:
                failure = ElementTree.SubElement(case, "failure", message=lines.partition("\n")[0])
                failure.text = suite.report
            elif outcome == UNDECIDED:
                ElementTree.SubElement(case, "skipped", message=lines)
        if suite.left_open:
            ElementTree.SubElement(element, "system-out").text = suite.left_open
        element.set("tests", str(len(suite.cases)))
        for attribute, outcome in (("failures", WRONG), ("skipped", UNDECIDED)):
            element.set(attribute, str(sum(case.outcome == outcome for case in suite.cases)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
