"""What is in a file is what its ending says, in every command that writes one."""

from pathlib import Path

import pytest

from clearprop.base.errors import ConfigurationError
from clearprop.cli import main
from clearprop.cli.delivery import chosen_format, require_ending

pytestmark = pytest.mark.usefixtures("english_locale")

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
        ("png", "x.svg", ".svg, and what is written into it ends in .png"),
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
