"""The manual: programs and commands print what stands below them, and both languages say the same.

A page is one test, which runs all of it in this process.
"""

import re
from pathlib import Path

import pytest

from tests.documents import (
    CHINESE,
    DOCS,
    ROOT,
    blocks,
    heading_levels,
    links,
    pairs,
    prose,
    read,
    run_page,
    tables,
)
from tests.sweeps import quick_where

PAIRS = pairs()
PAGES = [name for pair in PAIRS for name in pair]
OTHERS = ["CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"]
MADE = [path.relative_to(ROOT).as_posix() for path in DOCS.glob("*/*.md")]
# Pages that have nothing to run, or nothing that is quick.
WORDS_ALONE = {"architecture", "conventions", "README", "reproduce"}


def is_quick(place: int, _: str) -> bool:
    """Pages in English and in Chinese in turn: their programs are the same."""
    return place // 2 % 2 == place % 2


@pytest.mark.parametrize("name", quick_where(PAGES, is_quick))
def test_a_page_prints_what_it_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run_page(name, tmp_path, monkeypatch)
    assert ran or Path(name).name.partition(".")[0] in WORDS_ALONE


def test_every_page_is_there_in_both_languages() -> None:
    english = {path.name for path in DOCS.glob("*.md") if not path.name.endswith(CHINESE)}
    assert {Path(name).name for name, _ in PAIRS} == english
    assert len(english) > 10


@pytest.mark.parametrize("name", PAGES)
def test_a_page_whose_programs_need_pandas_says_how_to_install_it(name: str) -> None:
    if "import pandas" in read(name):
        assert "`pip install -c constraints.txt pandas`" in prose(name)


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_the_same_programs_and_commands(pair: tuple[str, str]) -> None:
    def programs(name: str) -> list[tuple[str, ...]]:
        """Blocks as they are, but for comments, the language that is asked for, and what is
        printed, which has one: of that only the commands."""
        kept = []
        for block in blocks(name):
            lines = re.sub(r' *# .*|"zh-TW"', "", block.text).splitlines()
            if block.language in ("console", "text"):
                lines = [line for line in lines if line.startswith("$ ")]
            kept.append((block.language, block.title, *lines))
        return kept

    english, chinese = pair
    assert programs(english) == programs(chinese)


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_the_same_structure_links_and_figures(pair: tuple[str, str]) -> None:
    def outline(name: str) -> tuple[object, ...]:
        here = {link.replace(".zh-TW.", ".") for link in (*links(name), Path(name).name)}
        rows = [text.count("\n") for text in tables(name)]
        figures = set(re.findall(r"\d+\.\d+", prose(name)))
        return heading_levels(name), rows, here, figures

    english, chinese = pair
    assert outline(english) == outline(chinese)


@pytest.mark.parametrize("pair", PAIRS)
def test_each_page_leads_to_the_other_language_and_stays_in_its_own(pair: tuple[str, str]) -> None:
    for name, other in (pair, pair[::-1]):
        local = [one for one in links(name) if not re.match(r"https?://", one)]
        assert local.count(Path(other).name) == 1
        away = [
            one
            for one in local
            if one != Path(other).name
            and one.endswith(".md")
            and one.endswith(CHINESE) != name.endswith(CHINESE)
            and (ROOT / name).parent.joinpath(_in_the_other_language(one)).exists()
        ]
        assert away == []


def _in_the_other_language(name: str) -> str:
    return name.replace(CHINESE, ".md") if name.endswith(CHINESE) else name[:-3] + CHINESE


@pytest.mark.parametrize("name", [*PAGES, *OTHERS, *MADE])
def test_linked_files_exist(name: str) -> None:
    local = [link for link in links(name) if not re.match(r"https?://", link)]
    missing = [link for link in local if not (ROOT / name).parent.joinpath(link).exists()]
    assert missing == []


def test_the_changelog_says_nothing_twice() -> None:
    """Where two branches tell of one thing, a merge may keep both."""
    said = re.sub(r"\n +", " ", read("CHANGELOG.md")).splitlines()
    begun = [line[:60] for line in said if line.startswith("- ")]
    assert len(begun) > 50
    assert len(set(begun)) == len(begun)


def test_every_page_of_the_manual_is_in_its_table_of_contents() -> None:
    listed = {*links("docs/README.md"), "README.md"}
    assert {Path(name).name for name, _ in PAIRS if name.startswith("docs/")} <= listed
    folders = {path.parent.name for path in DOCS.glob("*/README.md")}
    assert {f"{folder}/README.md" for folder in folders} <= listed


@pytest.mark.parametrize("name", PAGES)
def test_named_commands_are_targets_of_the_makefile(name: str) -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b", read(name))) - {"the", "an", "it"}
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert named <= targets
