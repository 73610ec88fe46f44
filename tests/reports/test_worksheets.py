"""Worksheets and keys as pages: what stands there, and how a browser lays it out."""

import re
from html import unescape

import pytest

from clearprop.base import messages
from clearprop.teaching.exercises import LEVELS, TOPICS, exercise
from clearprop.teaching.exercises.bugs import correction
from clearprop.teaching.exercises.generator import worked
from clearprop.teaching.exercises.starter_code import TOPICS_WITH_CODE
from clearprop.teaching.exercises.students import Student
from clearprop.teaching.reports import exercise_symbols
from clearprop.teaching.reports.exercise_symbols import printed
from clearprop.teaching.reports.worksheets import answer_key, worksheet, worksheets
from tests.browser import MEASURE, Open
from tests.sweeps import quick_where

MEDIA_BOX = rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]"
CASES = [(topic, level) for topic in TOPICS for level in LEVELS]
READERS = [Student(language, "B1", "A <b> & 王") for language in messages.LANGUAGES]
# Every sheet in one language, and every topic in both.
SHEETS = quick_where(
    [(*case, student) for case in CASES for student in READERS],
    lambda place, _: place // 2 % 2 == place % 2,
)
SHEET_IDS = [f"{topic}-{level}-{one}" for topic, level in CASES for one in messages.LANGUAGES]
READ_IN = dict(zip(messages.LANGUAGES, READERS, strict=True))


def text(page: str) -> str:
    """What a reader sees of a page, in one line."""
    body = re.sub(r"<style>.*?</style>|<desc.*?</desc>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", body)))


@pytest.mark.parametrize(("topic", "level", "student"), SHEETS, ids=SHEET_IDS)
def test_a_sheet_tells_the_givens_and_asks_for_every_blank(
    topic: str, level: int, student: Student
) -> None:
    sheet = exercise(topic, level, key=student.id)
    page = worksheet(sheet, student)
    seen = text(page)
    assert f'<html lang="{student.language}">' in page
    assert "A <b> & 王" in seen
    assert sheet.variant in seen
    for given in sheet.givens:
        assert (
            f"{exercise_symbols.html(given.symbol, student.language)} = {printed(given.value)}"
            in page
        )
    asked = [unescape(name) for name in re.findall(r'class="small"><code>(.*?)</code>', page)]
    assert asked == [blank.name for blank in sheet.blanks]
    # No request leaves the page, and no field of a sentence is left open.
    assert not re.search(r'(src|href)="', page)
    assert "{" not in seen


@pytest.mark.parametrize(("topic", "level", "student"), SHEETS, ids=SHEET_IDS)
def test_a_key_has_every_answer_with_its_working(topic: str, level: int, student: Student) -> None:
    sheet = exercise(topic, level, key=student.id)
    page = answer_key(sheet, student)
    answers = re.findall(r'class="value">([=≈]) <b>(.*?)</b>', page)
    blanks = worked(sheet).blanks
    assert [number for _, number in answers] == [printed(b.value) for b in blanks]
    for (relation, number), blank in zip(answers, blanks, strict=True):
        shown = float(number.replace("−", "-"))
        assert (relation == "=") == (abs(shown - blank.value) < 1e-9)
    assert page.count('<span class="line">= <math') == 2 * len(blanks)
    # Softmax on level 1 asks for no weight's gradient; where ∂C/∂y is given there is no cost.
    untold = {("softmax", 1), ("convolution", 1), ("attention", 1), ("attention", 3)}
    told = topic in TOPICS_WITH_CODE and (topic, level) not in untold
    assert ("One gradient in words" in page or "用一段話解釋一個梯度" in page) == told
    assert ("<code>layers[0]." in page) == told


def test_a_program_is_printed_with_its_mistake_and_the_key_has_the_right_line() -> None:
    sheet = exercise("bug", 2, seed=1)
    line, wrong, right = correction(sheet)
    page = text(worksheet(sheet, READERS[0]))
    assert wrong in page
    assert right not in page
    key = text(answer_key(sheet, READERS[0]))
    assert f"The wrong line is ({line})" in key
    assert f"{wrong} → {right}" in key


def test_a_sheet_does_not_give_its_answers_away() -> None:
    # z = 0.5 · 4 + 0.6 = 2.6 and so on: no answer stands on the sheet, its picture included.
    sheet = exercise("chain", 1)
    givens = {printed(given.value) for given in sheet.givens}
    shown = set(re.findall(r"(?:= |>)(−?\d+(?:\.\d+)?)", worksheet(sheet, READERS[0])))
    # Whole numbers are those of neurons, layers and of ReLU's kink.
    answers = {printed(one.value) for one in sheet.blanks if one.value % 1} - givens
    assert len(answers) >= 6
    assert not answers & shown


def test_sigmoid_and_tanh_are_printed_where_they_are_used() -> None:
    # σ(0.5) = 1/(1 + e^−0.5) = 1/(1 + 0.60653) = 0.62246; tanh(0.5) = 0.46212
    assert "0.6225" in text(worksheet(exercise("activation", 1), READERS[0]))
    assert "0.4621" in text(worksheet(exercise("activation", 2), READERS[0]))
    assert "look up" not in text(worksheet(exercise("chain", 2), READERS[0]))


def test_a_symbol_in_html_and_latex() -> None:
    assert (
        exercise_symbols.html("∂*C*/∂*w*_[11]^[(1)]", "en")
        == "∂<i>C</i>/∂<i>w</i><sub>11</sub><sup>(1)</sup>"
    )
    assert exercise_symbols.latex("∂*C*/∂*w*_[11]^[(1)]", "en") == (
        r"\frac{\partial C}{\partial w_{11}^{(1)}}"
    )
    assert exercise_symbols.latex("*w*_[1]^[(2)]^[ new]", "en") == r"w_{1}^{(2)\text{ new}}"
    assert exercise_symbols.html("*b*^[ new]", "zh-TW") == "<i>b</i><sup> 新</sup>"
    assert exercise_symbols.latex("*a*′(*z*_[1]^[(1)])", "en") == "a'(z_{1}^{(1)})"


def test_the_tutorials_slip_comes_behind_its_derivation() -> None:
    for language, reader in READ_IN.items():
        sheet = exercise("slip", 1, seed=1)
        page = worksheet(sheet, reader)
        derivation = page.index(messages.text(language, "exercises.derivation.title"))
        assert derivation < page.index("dW2 = z1.T @ dy") < page.index('class="blanks"')
        assert "a1.T" not in page
        key = text(answer_key(sheet, reader))
        assert "dW2 = z1.T @ dy → dW2 = a1.T @ dy" in key
        assert key.count("→") == 1


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_number_of_a_sample_is_never_raised(language: str) -> None:
    for topic, level in CASES:
        sheet = exercise(topic, level)
        if sheet.network.samples == 1:
            continue
        for page in (worksheet(sheet, READ_IN[language]), answer_key(sheet, READ_IN[language])):
            assert "<i>x</i>[1]" in page
            # Raised stand the number of a layer, the word at a new parameter, and e to the z.
            raised = set(re.findall(r"<sup>(.*?)</sup>", page))
            assert all(re.fullmatch(r"\(\d\)|\D*", one) for one in raised), raised


def test_the_update_is_told_with_the_cost_of_the_sheet() -> None:
    assert "η · ∂C/∂w" in text(worksheet(exercise("step", 1), READERS[0]))
    assert "η · ∂L/∂w" in text(worksheet(exercise("batch", 2), READERS[0]))


@pytest.mark.thorough
@pytest.mark.parametrize("width", [680, 360])
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_pages_fit_paper_and_phones_and_no_label_covers_another(
    language: str, width: int, opened: Open
) -> None:
    # All sheets stand in one page, which is laid out once; 680 pixels are A4 between its margins,
    # and 360 a narrow phone.
    student = READ_IN[language]
    bodies, head = [], ""
    for topic, level in CASES:
        for make in (worksheet, answer_key):
            html = make(exercise(topic, level), student)
            head, _, rest = html.partition("<body>")
            body = rest.partition("</body>")[0]
            kind = f"{topic}{level}{make.__name__}"
            bodies.append(body.replace('id="network"', f'id="{kind}"'))
    page = opened(f"{head}<body>{''.join(bodies)}</body></html>", width=width)
    found = page.evaluate(MEASURE)
    assert found["figures"] == 2 * len(CASES)
    assert found["overlaps"] == []
    assert found["outside"] == []
    assert found["width"] <= found["window"]


def pdf(opened: Open, html: str) -> bytes:
    content: bytes = opened(html).pdf(prefer_css_page_size=True)
    return content


@pytest.mark.thorough
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_sheet_prints_on_two_pages_of_a4(language: str, opened: Open) -> None:
    content = pdf(opened, worksheet(exercise("step", 3), READ_IN[language]))
    sizes = re.findall(MEDIA_BOX, content)
    # A4 is 210 by 297 mm, and a point is 25.4/72 mm: 595.3 by 841.9.
    assert len(sizes) == 2
    for width, height in sizes:
        assert float(width) == pytest.approx(595.3, abs=1)
        assert float(height) == pytest.approx(841.9, abs=1)


@pytest.mark.thorough
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_student_of_a_class_has_paper_of_their_own(language: str, opened: Open) -> None:
    reader = READ_IN[language]
    sheets = [(exercise("slip", 2, key=key), reader) for key in ("B1", "B2")]
    one = len(re.findall(MEDIA_BOX, pdf(opened, worksheets(sheets[:1], language))))
    assert one == 2
    assert len(re.findall(MEDIA_BOX, pdf(opened, worksheets(sheets, language)))) == 2 * one
