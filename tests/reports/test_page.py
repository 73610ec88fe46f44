"""The page: self-contained, complete, in both languages, and true to the numbers."""

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clearprop.base import messages
from clearprop.teaching.experiments.progress import silent
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.reports.figures import figure_catalogue, theme
from clearprop.teaching.reports.report import write_report
from clearprop.teaching.reports.report_page import LECTURE, SECTIONS, command, render

VOID = {"meta", "br", "hr", "img", "link", "input", "wbr"}


class Page(HTMLParser):
    """What a test asks of a page: its tags with attributes, its ids, its text, its nesting."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "code"):
            self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name)) is not None]

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(params=messages.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# A page takes five seconds to write.
@pytest.fixture(params=["en", pytest.param("zh-TW", marks=pytest.mark.thorough)])
def page_language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def html(written: Callable[[str], Path], page_language: str) -> str:
    return (written(page_language) / "report.html").read_text(encoding="utf-8")


def test_every_tag_is_closed_and_every_id_is_used_once(html: str) -> None:
    parsed = Page(html)
    assert parsed.open == []
    repeated = [name for name, count in Counter(parsed.values("id")).items() if count > 1]
    assert repeated == []


def test_nothing_is_fetched_from_anywhere(html: str) -> None:
    parsed = Page(html)
    assert not {tag for tag, _ in parsed.tags} & {"script", "link", "img", "iframe", "object"}
    for name in ("src", "srcset", "data", "poster", "action"):
        assert parsed.values(name) == []
    links = parsed.values("href") + parsed.values("xlink:href")
    # The one address is a link to follow: the lecture that the tutorial credits.
    assert [link for link in links if link == LECTURE] == [LECTURE]
    links.remove(LECTURE)
    assert links
    assert all(link.startswith("#") for link in links)
    assert set(parsed.values("id")) >= {link[1:] for link in links}
    assert "@import" not in html
    for found in re.findall(r"url\(['\"]?([^'\")]*)", html):
        assert found.startswith(("#", "data:font/woff2;base64,"))
    # Names of vocabularies are not addresses; nothing else may look like one.
    vocabularies = {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/1998/Math/MathML",
        LECTURE,
    }
    # Base64 has two slashes here and there.
    rest = re.sub(r"base64,[A-Za-z0-9+/=]*", "", html)
    assert set(re.findall(r"\b(?:https?:)?//[^\s\"'<>)]+", rest)) <= vocabularies


def test_the_sections_stand_in_the_order_of_the_tutorial(html: str) -> None:
    found = [attrs["id"] for tag, attrs in Page(html).tags if tag == "section"]
    assert found == list(SECTIONS)


def test_the_page_says_its_language_and_has_its_headings(html: str, page_language: str) -> None:
    parsed = Page(html)
    assert parsed.tags[0][0] == "html"
    assert parsed.tags[0][1]["lang"] == page_language
    for section in SECTIONS:
        assert messages.text(page_language, f"report.{section}.heading") in parsed.text


def test_the_measured_numbers_are_on_the_page(html: str) -> None:
    text = Page(html).text
    for number in ("944.3", "358.8", "80.82", "943.71", "0.291027773694", "0.291027923905", "77 %"):
        assert number in text
    assert "1806.61" in text


def test_the_chain_rule_stands_there_with_all_its_steps(html: str) -> None:
    text = re.sub(r"\s+", "", Page(html).text)
    # The worked example by hand. Its targets are 0.01 and 0.99, so for the first output
    # ∂C/∂y₁ = 0.7514 − 0.01 = 0.7414, y₁(1 − y₁) = 0.7514 · 0.2486 = 0.1868, ∂C/∂z′ = 0.1385.
    assert "t=(0.01,0.99)" in text
    assert "=0.1868·(0.7514−0.01)" in text
    assert "=0.1868·0.7414=0.1385" in text
    # For the first hidden neuron a′(z) = 0.5933 · 0.4067 = 0.2413; two ways come back:
    # 0.4 · 0.1385 − 0.5 · 0.0381 = 0.03635, times 0.2413 = 0.008771; times x₁ = 0.05: 0.000439.
    assert "=0.2413·[0.4·0.1385+0.5·(−0.0381)]" in text
    assert "=0.008771" in text
    assert "=0.000439" in text
    # ∂C/∂z = ∂a/∂z · ∂C/∂a, and ∂C/∂a over both ways.
    assert "∂C∂z=∂a∂z·∂C∂a" in text
    assert "∂C∂a=∂z′∂a·∂C∂z′+∂z″∂a·∂C∂z″=w3∂C∂z′+w4∂C∂z″" in text


def test_the_first_step_of_the_line_is_its_start_minus_rate_times_gradient(html: str) -> None:
    text = re.sub(r"\s+", "", Page(html).text)
    # w: 0.6029 + 0.01 · 62.10 = 1.2239; b: 0.8771 − 0.01 · 8.776 = 0.7893.
    assert "θ1=[0.60290.8771]−0.01[−62.108.776]=[1.2240.7894]" in text


def test_the_author_the_date_and_the_lecture_are_named(html: str) -> None:
    text = Page(html).text
    assert "CHUN-CHENG LIN" in text
    assert "2024" in text
    assert "李弘毅" in text
    assert "S14" not in text
    assert "S15" not in text


def test_no_sentence_has_an_unfilled_field(html: str) -> None:
    assert re.findall(r"\{[a-z_]+\}", Page(html).text) == []


def test_every_figure_is_there_with_a_caption(
    html: str, written: Callable[[str], Path], figures: int
) -> None:
    parsed = Page(html)
    found = [attrs["id"] for tag, attrs in parsed.tags if tag == "figure"]
    files = {f"figure-{path.stem}" for path in (written("en") / "figures").glob("*.svg")}
    assert set(found) == files
    assert len(found) == figures
    assert sum(tag == "figcaption" for tag, _ in parsed.tags) == figures


def test_equations_are_mathml(html: str) -> None:
    assert sum(tag == "math" for tag, _ in Page(html).tags) >= 15


def test_without_torch_the_page_says_so_and_how_to_get_it(
    small: Reproduction, language: str
) -> None:
    def written_page(result: Reproduction) -> Page:
        pictures = {"neuron_forward": "<svg></svg>"}
        versions = {"clearprop": "1", "numpy": "2"}
        return Page(render(result, pictures, language, versions, labels_language=language))

    left_out = written_page(small)
    assert messages.text(language, "report.torch.left_out") in left_out.text
    wanted = small._replace(settings=ReproductionSettings(steps=3, seeds=3))
    missing = written_page(wanted)
    assert messages.text(language, "report.torch.missing") in missing.text
    assert "pip install torch==2.13.0" in render(
        wanted, {}, language, {"clearprop": "1", "numpy": "2"}, labels_language=language
    )


def test_a_reproduction_that_diverged_has_a_page(diverged: Reproduction, language: str) -> None:
    html = render(
        diverged, {}, language, {"clearprop": "1", "numpy": "2"}, labels_language=language
    )
    text = Page(html).text
    assert "∞" in text
    assert messages.text(language, "report.training.linear_overflowed") in text
    assert messages.text(language, "report.training.linear_found") not in text


@pytest.mark.thorough
def test_a_reproduction_that_diverged_is_written_whole(
    diverged: Reproduction, tmp_path: Path
) -> None:
    write_report(diverged, tmp_path, "zh-TW", silent)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    # All figures but the two that take PyTorch.
    assert sum(tag == "figure" for tag, _ in Page(html).tags) == 19
    assert len(list((tmp_path / "figures").glob("*.png"))) == 19
    assert len(list((tmp_path / "networks").iterdir())) == 5


def test_without_a_chinese_font_labels_are_english_and_the_page_says_so(
    small: Reproduction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearprop.drawing.pen.fonts.traditional_chinese_font", lambda: None)
    monkeypatch.setattr(theme, "traditional_chinese_font", lambda: None)
    # One figure of matplotlib's stands for all of them, whose labels come from one place.
    monkeypatch.setattr(figure_catalogue, "CURVES", {"seeds": figure_catalogue.CURVES["seeds"]})
    write_report(small, tmp_path, "zh-TW", silent)
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert messages.text("zh-TW", "report.page.font_notice") in text
    assert "final loss (logarithmic)" in text
    assert "最終損失（對數）" not in text


def test_the_command_names_what_differs_from_the_defaults() -> None:
    assert command(ReproductionSettings(), "en") == "clearprop reproduce --lang en"
    settings = ReproductionSettings(
        steps=7,
        learning_rate=0.02,
        seeds=3,
        dtype="float32",
        with_torch=False,
        engine="numpy",
    )
    assert command(settings, "zh-TW") == (
        "clearprop reproduce --lang zh-TW --steps 7 --learning-rate 0.02 --seeds 3 "
        "--dtype float32 --engine numpy --without-torch"
    )
