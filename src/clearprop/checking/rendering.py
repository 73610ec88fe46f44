"""A verdict as text, as HTML and as JUnit XML, in either language."""

import html as markup
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from clearprop.base import messages
from clearprop.checking.diagnosis.sentences import sentences as diagnosed

if TYPE_CHECKING:
    from clearprop.checking.evidence import Mistake
    from clearprop.checking.verdict import ArrayVerdict, Finding, Verdict, WitnessVerdict

HEADS = ("array", "outcome", "checked", "claimed", "expected", "error", "tolerance")

# As easy to read on the white of a light notebook as on the black of a dark one: 4.5 and 4 to 1.
COLOURS = {"right": "#218838", "wrong": "#dc362e", "undecided": "#a56900"}
# Words to the left, numbers to the right.
CELLS = ["padding:2px 8px;text-align:left"] * 2 + ["padding:2px 8px;text-align:right"] * 5


def say(language: str, key: str, **values: object) -> str:
    """The sentence `checking.<key>`."""
    return messages.text(language, f"checking.{key}", **values)


def headline(verdict: "Verdict", language: str) -> str:
    """What was checked and how it came out, in one line."""
    return say(language, f"headline.{verdict.outcome}", name=verdict.name)


def table(verdict: "Verdict", language: str) -> tuple[list[str], list[list[str]]]:
    """The heads and the rows of the table of arrays."""
    rows = [
        [
            one.name,
            say(language, f"outcome.{one.outcome}"),
            _checked(one),
            number(one.claimed),
            number(one.expected),
            number(one.relative, 2),
            number(one.tolerance, 2),
        ]
        for one in verdict.arrays
    ]
    return [say(language, f"head.{name}") for name in HEADS], rows


def sentences(verdict: "Verdict", language: str) -> Iterator[str]:
    """Everything that there is to say beside the table, a sentence or two a line."""
    for finding in verdict.findings:
        yield finding_sentence(finding, language)
    for one in verdict.arrays:
        yield from array_sentences(one, language)
    for mistake in verdict.mistakes:
        yield mistake_sentence(mistake, language)
    for witness in verdict.witnesses:
        yield witness_sentence(witness, language)
    if verdict.arrays:
        yield method_sentence(verdict, language)


def finding_sentence(finding: "Finding", language: str) -> str:
    """What the check found beside the numbers."""
    values = {**finding.values}
    if "index" in values:
        values["index"] = _index(values["index"])
    return say(language, f"findings.{finding.key}", **values)


def array_sentences(one: "ArrayVerdict", language: str) -> Iterator[str]:
    """Why an array is not right, and the kinks that were met in it."""
    if one.reason is not None:
        yield say(
            language,
            f"reasons.{one.reason}",
            name=one.name,
            index=_index(one.index),
            claimed=number(one.claimed),
            expected=number(one.expected),
            relative=number(one.relative, 2),
            tolerance=number(one.tolerance, 2),
        )
    if one.kinks_met:
        first = one.kinks[0]
        yield say(
            language,
            "kinks",
            name=one.name,
            count=one.kinks_met,
            index=_index(first.index),
            left=number(first.left),
            right=number(first.right),
        )


def mistake_sentence(mistake: "Mistake", language: str) -> str:
    """The likely mistake: its name, what gives it away, and how it is mended."""
    said = diagnosed(mistake, language)
    return say(language, "mistake", name=said.name, evidence=said.evidence, mend=said.mend)


def witness_sentence(witness: "WitnessVerdict", language: str) -> str:
    """What another witness says."""
    if witness.outcome == "unused":
        known = messages.table(language, "checking")
        reason = f"unused.{witness.reason}"
        why = say(language, reason if reason in known else "unused.other")
        return say(language, "witness.unused", witness=witness.name, why=why)
    return say(
        language,
        f"witness.{witness.outcome}",
        witness=witness.name,
        relative=number(witness.relative, 2),
        name=witness.array,
    )


def method_sentence(verdict: "Verdict", language: str) -> str:
    """How the gradients were compared: method, entries, step, where the tolerance comes from."""
    checked = sum(one.checked for one in verdict.arrays)
    size = sum(one.size for one in verdict.arrays)
    directions = sum(one.directions for one in verdict.arrays)
    steps = [one.step for one in verdict.arrays if one.step]
    source = say(language, f"source.{verdict.arrays[0].tolerance_source}")
    return say(
        language,
        "method.sample" if directions else "method.every_entry",
        checked=f"{checked:,}",
        size=f"{size:,}",
        directions=directions,
        step=number(min(steps), 2) if steps else "—",
        source=source,
    )


def text(verdict: "Verdict", language: str) -> str:
    """The whole report as lines of text."""
    lines = [headline(verdict, language)]
    if verdict.arrays:
        heads, rows = table(verdict, language)
        cells = [heads, *rows]
        widths = [max(map(messages.display_width, column)) for column in zip(*cells, strict=True)]
        lines += [
            "  "
            + "  ".join(
                messages.pad(cell, width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in cells
        ]
    lines += [f"- {sentence}" for sentence in sentences(verdict, language)]
    return "\n".join(lines)


def html(verdict: "Verdict", language: str) -> str:
    """The report as a piece of HTML that brings its own few styles."""
    heads, rows = table(verdict, language)
    colour = COLOURS[verdict.outcome]
    escape = markup.escape
    parts = [
        f'<div lang="{language}"><p style="font-weight:bold;color:{colour}">'
        f"{escape(headline(verdict, language))}</p>"
    ]
    if rows:
        head = "".join(
            f'<th scope="col" style="{style}">{escape(name)}</th>'
            for name, style in zip(heads, CELLS, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="{style}">{escape(cell)}</td>'
                for cell, style in zip(row, CELLS, strict=True)
            )
            + "</tr>"
            for row in rows
        )
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    items = "".join(f"<li>{escape(one)}</li>" for one in sentences(verdict, language))
    parts.append(f"<ul>{items}</ul></div>" if items else "</div>")
    return "".join(parts)


def junit(verdicts: Sequence["Verdict"], language: str) -> str:
    """JUnit XML: a suite for every verdict, a case for every array and for the rules.

    Wrong is a failure; undecided is skipped, with its reason.
    """
    root = ElementTree.Element("testsuites", name="clearprop check")
    for verdict in verdicts:
        suite = ElementTree.SubElement(root, "testsuite", name=verdict.name)
        cases: list[tuple[str, str, str]] = []
        for one in verdict.arrays:
            lines = "\n".join(array_sentences(one, language))
            cases.append((one.name, one.outcome, lines))
        if verdict.findings or not verdict.arrays:
            lines = "\n".join(finding_sentence(one, language) for one in verdict.findings)
            outcomes = [one.outcome for one in verdict.findings]
            worst = next((o for o in ("wrong", "undecided") if o in outcomes), "right")
            cases.append((say(language, "rules"), worst, lines))
        for name, outcome, lines in cases:
            case = ElementTree.SubElement(suite, "testcase", classname=verdict.name, name=name)
            if outcome == "wrong":
                failure = ElementTree.SubElement(case, "failure", message=lines.partition("\n")[0])
                failure.text = text(verdict, language)
            elif outcome == "undecided":
                ElementTree.SubElement(case, "skipped", message=lines)
        suite.set("tests", str(len(cases)))
        for attribute, outcome in (("failures", "wrong"), ("skipped", "undecided")):
            suite.set(attribute, str(sum(case[1] == outcome for case in cases)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def number(value: float | None, digits: int = 7) -> str:
    """A number of the report."""
    return "—" if value is None else f"{value:.{digits}g}"


def _index(index: object) -> str:
    if not isinstance(index, tuple) or not index:
        return "[]" if index == () else "—"
    return f"[{', '.join(map(str, index))}]"


def _checked(one: "ArrayVerdict") -> str:
    return f"{one.checked:,}/{one.size:,}"
