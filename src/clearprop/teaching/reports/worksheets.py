"""The sheet of an exercise and its answer key as HTML pages that print on A4."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clearprop.base import messages
from clearprop.drawing import svg
from clearprop.drawing.pen.palette import css
from clearprop.drawing.pen.scene import Scene
from clearprop.teaching.exercises import bugs, tutorial_slip
from clearprop.teaching.exercises.expressions import FUNCTIONS
from clearprop.teaching.exercises.layer_bugs import LAYER_BUGS, layer_correction
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.sheet import DECIMALS, TOLERANCE, Exercise
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE, solution
from clearprop.teaching.exercises.students import Student
from clearprop.teaching.exercises.topics import DENSE_TOPICS
from clearprop.teaching.reports import exercise_symbols
from clearprop.teaching.reports.environment import template
from clearprop.teaching.reports.exercise_diagrams import diagram
from clearprop.teaching.reports.layer_diagrams import layer_diagram
from clearprop.teaching.reports.workings import in_words, workings

# The printed table of sigmoid and tanh: z from 0 to 2 in tenths, so many in a row.
TENTHS, PER_ROW = 21, 7

# The sentences of the derivation that a program follows, in their order.
DERIVATION = ("forward", "weight", "back", "program")

say = messages.within("exercises")


class Entry(NamedTuple):
    """A line of a sheet: a symbol in HTML, its name in the form, its number, and its points."""

    symbol: str
    name: str
    value: str
    points: int = 0


Sheets = Sequence[tuple[Exercise, Student]]


def worksheet(sheet: Exercise, student: Student) -> str:
    """The sheet to be filled in. Raises MissingDependencyError without Jinja2."""
    return worksheets([(sheet, student)], student.language)


def answer_key(sheet: Exercise, student: Student) -> str:
    """The answers with their full working. Raises MissingDependencyError without Jinja2 or
    latex2mathml."""
    return answer_keys([(sheet, student)], student.language)


def worksheets(sheets: Sheets, language: str) -> str:
    """The sheets of several students as one page, each on paper of its own."""
    articles = [_worksheet(*one, place) for place, one in enumerate(sheets, 1)]
    return _page(sheets, articles, "worksheet", language)


def answer_keys(sheets: Sheets, language: str) -> str:
    """The same of their keys."""
    articles = [_answer_key(*one, place) for place, one in enumerate(sheets, 1)]
    return _page(sheets, articles, "key", language)


def _page(sheets: Sheets, articles: Sequence[str], kind: str, language: str) -> str:
    from markupsafe import Markup

    sheet, _ = sheets[0]
    several = len(sheets) > 1
    colon, topic = say(language, "colon"), say(language, f"title.{sheet.topic}")
    which = str(len(sheets)) if several else sheet.variant
    page = template("exercise_page.html.j2").render(
        language=language,
        title=f"{say(language, kind)}{colon}{topic} {which}",
        palette=Markup(css()),
        articles=[Markup(one) for one in articles],
    )
    return page if page.endswith("\n") else f"{page}\n"


def _worksheet(sheet: Exercise, student: Student, place: int) -> str:
    language = student.language
    blanks = [
        Entry(exercise_symbols.html(blank.symbol, language), blank.name, "", blank.points)
        for blank in sheet.blanks
    ]
    return _article(
        "worksheet.html.j2",
        sheet,
        student,
        place,
        blanks=blanks,
        tables=_tables(sheet),
        picture_text=_picture_text(sheet),
        program_text=_program_text(sheet),
        with_code=sheet.topic in TOPICS_WITH_CODE,
        derivation=DERIVATION if sheet.topic == tutorial_slip.TOPIC else (),
        negative=[say(language, f"negative.{name}") for name in _smooth(sheet)],
    )


def _answer_key(sheet: Exercise, student: Student, place: int) -> str:
    return _article(
        "answer_key.html.j2",
        sheet,
        student,
        place,
        workings=workings(sheet, student.language),
        words=in_words(sheet, student.language),
        correction=_correction(sheet) if sheet.program else None,
        line_points=sum(blank.points for blank in sheet.blanks if blank.kind == "line"),
        program=solution(sheet) if sheet.topic in TOPICS_WITH_CODE else None,
    )


def _correction(sheet: Exercise) -> tuple[int, str, str]:
    return (layer_correction if sheet.topic in LAYER_BUGS else bugs.correction)(sheet)


def _article(name: str, sheet: Exercise, student: Student, place: int, **more: object) -> str:
    from markupsafe import Markup

    language = student.language
    givens = [
        Entry(
            exercise_symbols.html(given.symbol, language),
            given.name,
            exercise_symbols.printed(given.value),
        )
        for given in sheet.givens
    ]
    # A name in a page is there once.
    figure = "network" if place == 1 else f"network-{place}"
    return template(name).render(
        language=language,
        say=lambda key, **values: Markup(say(language, key, **values)),
        sheet=sheet,
        student=student,
        givens=givens,
        conventions=list(_conventions(sheet, language)),
        figure=figure,
        picture=Markup(svg(_picture(sheet, language), prefix=figure)),
        **more,
    )


def _picture(sheet: Exercise, language: str) -> Scene:
    if isinstance(sheet.network, LayerNetwork):
        return layer_diagram(sheet, sheet.network, language)
    return diagram(sheet, language)


def _program_text(sheet: Exercise) -> str:
    """What the names in a program with a mistake are."""
    if not isinstance(sheet.network, LayerNetwork):
        return "program_arrays"
    return f"program_{'given' if sheet.network.design.derivative_given else 'target'}"


def _picture_text(sheet: Exercise) -> str:
    if sheet.topic == bugs.TOPIC or sheet.topic in LAYER_BUGS:
        return "picture_program"
    if isinstance(sheet.network, LayerNetwork):
        return f"picture_{sheet.topic}"
    return "picture_samples" if sheet.network.samples > 1 else "picture"


def _smooth(sheet: Exercise) -> list[str]:
    """The activations whose values are printed as a table."""
    if isinstance(sheet.network, LayerNetwork):
        return []
    return [name for name in ("sigmoid", "tanh") if name in sheet.network.activations]


def _conventions(sheet: Exercise, language: str) -> Iterable[str]:
    """What a reader must know to get the same numbers, sentence by sentence, as HTML."""
    if isinstance(sheet.network, LayerNetwork):
        design = sheet.network.design
        for key in design.conventions:
            yield say(language, f"convention.{key}")
        yield from _how_to_answer(sheet, language, is_exact=design.exact)
        return
    shape = DENSE_TOPICS[sheet.topic][sheet.level - 1].shape
    kinds = {blank.kind for blank in sheet.blanks}
    single = all(width == 1 for width in shape.widths[1:])
    if not single:
        yield say(language, "convention.indices")
    if len(shape.activations) > 1:
        yield say(language, "convention.layers")
    if shape.samples > 1:
        yield say(language, "convention.samples", count=shape.samples)
    for name in ("relu", "sigmoid", "tanh", "softmax"):
        if name in shape.activations:
            yield say(language, f"convention.{name}")
    if shape.has_classes:
        yield say(language, "convention.cost_classes")
    elif shape.target:
        several = shape.samples > 1
        outputs = "many" if shape.widths[-1] > 1 else "one"
        key = f"convention.cost_{'samples' if several else outputs}"
        yield say(language, key, count=shape.samples)
    else:
        # A forward exercise without derivatives starts from nothing.
        if kinds & {"dz", "da", "dw"}:
            yield say(language, "convention.given_derivative")
    if "error" in kinds:
        yield say(language, "convention.error")
    if kinds & {"new_w", "new_b"}:
        yield say(language, "convention.update", cost=shape.naming.cost)
    if sheet.topic == tutorial_slip.TOPIC:
        yield say(language, "convention.program")
    is_exact = not _smooth(sheet) and not shape.has_classes
    yield from _how_to_answer(sheet, language, is_exact=is_exact)


def _how_to_answer(sheet: Exercise, language: str, *, is_exact: bool) -> Iterable[str]:
    key = "convention.exact" if is_exact else "convention.rounded"
    yield say(language, key, decimals=DECIMALS, tolerance=TOLERANCE)
    if sheet.topic != bugs.TOPIC and sheet.topic not in LAYER_BUGS:
        yield say(language, "convention.follows")


def _tables(sheet: Exercise) -> list[tuple[list[str], list[tuple[str, list[str]]]]]:
    """Blocks of z and the functions' values there; none where the sheet needs none."""
    smooth = _smooth(sheet)
    if not smooth:
        return []
    blocks = []
    for start in range(0, TENTHS, PER_ROW):
        places = [tenth / 10 for tenth in range(start, min(start + PER_ROW, TENTHS))]
        rows = [(_written(name), [_fixed(FUNCTIONS[name](z)) for z in places]) for name in smooth]
        blocks.append(([f"{z:.1f}" for z in places], rows))
    return blocks


def _written(function: str) -> str:
    return {"sigmoid": "σ(z)", "tanh": "tanh(z)"}[function]


def _fixed(value: float) -> str:
    return f"{math.floor(value * 10**DECIMALS + 0.5) / 10**DECIMALS:.{DECIMALS}f}"
