"""What is in a file is what its ending says, in every command that writes one."""

import shutil
from pathlib import Path

import pytest

from clearprop.base.errors import ConfigurationError
from clearprop.base.messages import LANGUAGES
from clearprop.cli import main
from clearprop.cli.delivery import chosen_format, require_ending
from tests.sweeps import quick_where

pytestmark = pytest.mark.usefixtures("own_folder")

SUFFIXES = {"text": ".txt", "svg": ".svg", "png": ".png"}


@pytest.mark.parametrize(
    ("given", "out", "chosen"),
    [
        (None, None, "text"),
        ("svg", None, "svg"),
        (None, "x.svg", "svg"),
        (None, "x.PNG", "png"),
        (None, "a.b/x", "text"),
        ("png", "x", "png"),
        ("png", "x.png", "png"),
        (None, "/dev/null", "text"),
        (None, "x.pdf", ".pdf, and what is written into it ends in .txt, .svg, .png"),
        (None, "x.svg.gz", "ends in .gz"),
        ("png", "x.svg", ".svg, and --format png is written into .png"),
        ("svg", "x.pdf", "ends in .pdf"),
        ("gif", "x.svg", "format 'gif' is not known"),
    ],
)
def test_the_ending_decides_or_is_refused(given: str | None, out: str | None, chosen: str) -> None:
    path = None if out is None else Path(out)
    if chosen in SUFFIXES:
        assert chosen_format(given, path, SUFFIXES) == chosen
    else:
        with pytest.raises(ConfigurationError) as caught:
            chosen_format(given, path, SUFFIXES)
        assert chosen in str(caught.value)


def test_a_file_of_one_format() -> None:
    require_ending(Path("train.py"), (".py",))
    require_ending(Path("train"), (".py",))
    with pytest.raises(ConfigurationError, match=r"ends in \.txt, .* ends in \.py"):
        require_ending(Path("train.txt"), (".py",))


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "{file}", "--sample", "0", "-o", "x.docx"),
        ("explain", "{file}", "--sample", "0", "--format", "html", "-o", "x.svg"),
        ("diagram", "{file}", "-o", "x.docx"),
        ("diagram", "{file}", "--format", "png", "-o", "x.svg"),
        ("health", "{file}", "--plot", "x.docx"),
        ("write", "1-1", "-o", "x.docx"),
        ("check", "{own}:backward", "--junit", "x.docx"),
        ("grade", "class", "-o", "x.docx"),
    ],
    ids=" ".join,
)
def test_every_command_that_writes_a_file(
    words: tuple[str, ...], trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("class").mkdir()
    own = Path("own.py")
    own.write_text("def forward(x):\n    return x\n\n\ndef backward(dy, x):\n    return dy\n")
    command = [word.format(file=trained, own=own) for word in words]
    before = sorted(Path().iterdir())
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "ends in" in said or "A picture is written as" in said
    assert sorted(Path().iterdir()) == before


# Chinese is what takes a font of its own.
@pytest.mark.parametrize(
    "language", quick_where(LANGUAGES, lambda _, language: language == "zh-TW")
)
def test_pictures_as_pdf(language: str, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    told = ["--lang", language]
    assert main(["diagram", str(trained), "-o", "one.pdf", *told]) == 0
    assert main(["diagram", str(trained), "-o", "two.pdf", *told]) == 0
    main(["health", str(trained), "--plot", "signals.pdf", *told])
    assert Path("one.pdf").read_bytes() == Path("two.pdf").read_bytes()
    for name in ("one.pdf", "signals.pdf"):
        content = Path(name).read_bytes()
        assert content.startswith(b"%PDF-")
        # One page, and neither fonts that a reader may lack nor a picture made of pixels.
        assert content.count(b"/Type /Page ") == 1
        assert b"/Subtype /Image" not in content
        assert b"/BaseFont" not in content
    capsys.readouterr()


@pytest.mark.thorough
def test_a_page_as_pdf(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from clearprop.teaching.reports import printing

    if not any(map(shutil.which, printing.NAMES)):
        pytest.skip("no browser is installed")
    assert main(["explain", str(trained), "--sample", "0", "-o", "why.pdf", "--lang", "zh-TW"]) == 0
    content = Path("why.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert b"/Type /Page" in content
    capsys.readouterr()


def test_a_page_as_pdf_without_a_browser_or_with_one_that_fails(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from clearprop.teaching.reports import printing

    command = ["explain", str(trained), "--sample", "0", "-o", "why.pdf"]
    monkeypatch.setattr(printing, "PLACES", ())
    monkeypatch.setenv("PATH", str(Path("bin").absolute()))
    assert main(command) == 2
    assert "neither Chromium, Chrome nor Edge was found; write it as .html" in (
        capsys.readouterr().err
    )
    fails = Path("bin", "chromium")
    fails.parent.mkdir()
    fails.write_text("#!/bin/sh\necho 'no display' >&2\nexit 1\n", encoding="utf-8")
    fails.chmod(0o755)
    assert main(command) == 2
    assert "did not print the page as PDF (no display)" in capsys.readouterr().err
    assert not Path("why.pdf").exists()
