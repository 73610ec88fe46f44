"""LaTeX as MathML that does not lean on the reader's fonts."""

import re
from html import unescape
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from clearprop.base.dependencies import require

PRIMES = "′″‴"
_ESCAPED = re.compile(r"\\([_&%#${}])")


def mathml(latex: str) -> str:
    """A LaTeX formula as a MathML element. Raises MissingDependencyError without latex2mathml."""
    require("latex2mathml")
    from latex2mathml.converter import convert_to_element

    root: Element = convert_to_element(latex, display="block")
    for element in root.iter():
        # Signs come as entities, and inside \text an escaped one with its backslash.
        element.text = unescape(element.text) if element.text else element.text
        if element.tag == "mtext" and element.text:
            element.text = _ESCAPED.sub(r"\1", element.text)
    for element in list(root.iter()):
        _lower_prime(element)
    return ElementTree.tostring(root, encoding="unicode")


def _lower_prime(script: Element) -> None:
    """Take a prime out of the superscript that it stands in, and put it behind what it marks.

    Most fonts draw it high and small already: raised and made small once more it is a speck, and
    ReLU′(3.9) reads as ReLU (3.9). Only mathematical fonts have a large one for superscripts.
    """
    if script.tag not in ("msup", "msubsup"):
        return
    base, *lowered, raised = script
    marks = "".join(raised.itertext())
    others = marks.lstrip(PRIMES)
    if others == marks:
        return
    for one in (base, *lowered, raised):
        script.remove(one)
    marked: list[Element] = [base]
    if lowered and not others:
        # Behind the index: a₁′.
        marked = [Element("msub")]
        marked[0].extend([base, *lowered])
    if not others:
        script.tag = "mrow"
        script.extend(marked)
        _prime(script, marks)
        return
    row = SubElement(script, "mrow")
    row.append(base)
    _prime(row, marks[: len(marks) - len(others)])
    # Where a prime and something else are raised, latex2mathml puts the prime first.
    raised.remove(raised[0])
    script.extend([*lowered, raised])


def _prime(row: Element, marks: str) -> None:
    sign = SubElement(row, "mo", {"lspace": "0em", "rspace": "0em"})
    sign.text = marks
