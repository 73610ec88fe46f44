"""The verdicts of `clearprop check` as tables and sentences: of one target, of the whole catalogue,
and of the gallery of mistakes."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clearprop.base import messages
from clearprop.base.numbers import general, percent
from clearprop.base.text_tables import GAP, pad_left
from clearprop.checking.gallery import Row, Totals
from clearprop.checking.gallery.specimen import AND
from clearprop.checking.verdict import RIGHT, UNDECIDED, WRONG, Verdict
from clearprop.checking.verdict.outcomes import say as say_of_check

STYLES = {RIGHT: "green", WRONG: "bold red", UNDECIDED: "yellow"}
WITNESSES = ("complex-step", "torch", "jax")
NAMED = ("right", "among", "unknown", "wrong")


def print_verdict(
    console: Console, verdict: Verdict, language: str, told: frozenset[str] = frozenset()
) -> frozenset[str]:
    """The outcome, the arrays, and everything that there is to say of them; of a verdict that is
    printed once more, what was not `told` the first time. Returns the sentences."""
    sentences = list(verdict.sentences(language))
    if not told:
        _print_table(console, verdict, language)
    for sentence in sentences:
        if sentence not in told:
            console.print(escape(f"- {sentence}"), soft_wrap=True)
    return frozenset(sentences)


def _print_table(console: Console, verdict: Verdict, language: str) -> None:
    head = verdict.headline(language)
    console.print(escape(head), style=STYLES[verdict.outcome], soft_wrap=True)
    if verdict.arrays:
        heads, rows = verdict.table(language)
        table = Table()
        for position, name in enumerate(heads):
            table.add_column(escape(name), justify="left" if position < 2 else "right")
        for row, one in zip(rows, verdict.arrays, strict=True):
            style = None if one.outcome == RIGHT else STYLES[one.outcome]
            table.add_row(*map(escape, row), style=style)
        console.print(table)


def print_why(console: Console, verdict: Verdict, language: str) -> None:
    """Every mistake that was thought of, what it gives, and why it was named or not."""
    console.print()
    console.print(escape(verdict.why(language)), soft_wrap=True)


def print_catalogue(
    console: Console, verdicts: Sequence[Verdict], seconds: float, language: str
) -> None:
    """One row a subject, what is not right in full, and how many there are of each outcome."""
    say = partial(messages.within("checking.table"), language)

    table = Table(title=say("title"), title_justify="left", title_style="bold")
    for position, name in enumerate(("subject", "outcome", "entries", "error", "kinks")):
        table.add_column(say(name), justify="left" if position < 2 else "right")
    for name in WITNESSES:
        table.add_column(name)
    for verdict in verdicts:
        told = {one.name: say(one.outcome) for one in verdict.witnesses}
        worst = max((one.relative or 0.0 for one in verdict.arrays), default=0.0)
        table.add_row(
            escape(verdict.name),
            say_of_check(language, f"outcome.{verdict.outcome}"),
            f"{sum(one.checked for one in verdict.arrays):,}",
            general(worst, 2),
            str(sum(one.kinks_met for one in verdict.arrays)),
            *(told.get(name, say("unused")) for name in WITNESSES),
            style=None if verdict.outcome == RIGHT else STYLES[verdict.outcome],
        )
    console.print(table)
    for verdict in verdicts:
        if verdict.outcome != RIGHT:
            print_verdict(console, verdict, language)
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = {name: outcomes.count(name) for name in (RIGHT, WRONG, UNDECIDED)}
    console.print(say("total", seconds=f"{seconds:.1f}", **counts), soft_wrap=True)


def _mistake_name(mistake: str, language: str) -> str:
    """What a specimen's mistake is called; where two are planted in one code, both."""
    return AND.join(messages.text(language, f"mistakes.{one}.name") for one in mistake.split(AND))


class GalleryRows:
    """One row a mistake, each printed as soon as it is known; a narrow terminal has a row's numbers
    below its name."""

    def __init__(self, console: Console, mistakes: Sequence[str], language: str) -> None:
        self._console = console
        self._say = partial(messages.within("gallery"), language)
        self._names = {mistake: _mistake_name(mistake, language) for mistake in mistakes}
        self._heads = [self._say(name) for name in ("mistake", "planted", "rejected", *NAMED)]
        named = max(map(messages.display_width, [self._heads[0], *self._names.values()]))
        self._widths = [named, *(max(messages.display_width(one), 5) for one in self._heads[1:])]
        self._fits = sum(self._widths) + len(GAP) * len(NAMED) + 2 * len(GAP) <= console.width

    def begin(self) -> None:
        """Print the title and the heads."""
        self._console.print(self._say("title"), style="bold")
        if self._fits:
            self._console.print(self._line(self._heads), style="bold", soft_wrap=True)

    def print(self, mistake: str, rows: Sequence[Row]) -> None:
        """Print what became of one mistake's specimens."""
        count = Counter[str](row.outcome for row in rows)
        numbers = [len(rows), sum(row.rejected for row in rows), *(count[one] for one in NAMED)]
        cells = [self._names[mistake], *map(str, numbers)]
        if self._fits:
            self._console.print(escape(self._line(cells)), soft_wrap=True)
            return
        self._console.print(escape(cells[0]), style="bold")
        for head, cell in zip(self._heads[1:], cells[1:], strict=True):
            self._console.print(f"{GAP}{head}: {cell}")

    def _line(self, cells: Sequence[str]) -> str:
        first, *others = zip(cells, self._widths, strict=True)
        return GAP.join([messages.pad(*first), *(pad_left(*one) for one in others)])


def print_totals(console: Console, figures: Totals, language: str) -> None:
    """How many mistakes were found and named."""
    say = partial(messages.within("gallery"), language)

    console.print(
        say(
            "totals",
            planted=figures.planted,
            missed=figures.missed,
            correct=figures.correct,
            false_alarms=figures.false_alarms,
        ),
        soft_wrap=True,
    )
    console.print(
        say(
            "shares",
            right=percent(figures.named_right),
            among=percent(figures.named_among),
            unknown=percent(figures.unknown),
            wrong=percent(figures.named_wrong),
            strangers=figures.strangers,
            strangers_named=figures.strangers_named,
        ),
        soft_wrap=True,
    )
