"""One neuron for one sample: as data, in words, as a table, as equations and as pictures."""

from dataclasses import dataclass

from clearprop.base.numbers import brief, percent, product_text
from clearprop.drawing.diagrams.neuron_diagrams import (
    COST_BY_A,
    COST_BY_Y,
    COST_BY_Z,
    SLOPE,
    amplifier,
)
from clearprop.drawing.diagrams.parts import (
    LegendEntry,
    TextLine,
    derivative,
    equation,
    explained,
    value_lines,
)
from clearprop.drawing.diagrams.sankey import SankeyLink, SankeyNode, parts_of, sankey
from clearprop.drawing.pen.items import Item, Path, Text, bounds, moved
from clearprop.drawing.pen.markup import factor_markup, number_markup, plain
from clearprop.drawing.pen.scene import Scene
from clearprop.reading.explanation.explained_steps import (
    Chain,
    ExplainedStep,
    indented,
    narrowed,
    titled,
)
from clearprop.reading.explanation.latex import (
    braced,
    chain,
    latex_number,
    place,
    rest_braced,
    signal_chains,
)
from clearprop.reading.explanation.paths import paths_of_signal
from clearprop.reading.explanation.readable import Readable, joined, say
from clearprop.reading.explanation.signal_pictures import (
    draw_paths,
    largest_of,
    path_legend,
    said,
    signal_lines,
    successors,
)
from clearprop.reading.explanation.signal_steps import signal_steps
from clearprop.reading.explanation.signals import Signal, cancellation, sentences, taken_apart
from clearprop.reading.largest_terms import NOTHING, Rest, others_heading, others_label
from clearprop.reading.worked_lines import WorkedLine


@dataclass(frozen=True)
class NeuronInput:
    """One number that a neuron takes: value = factor · x.

    source  where x is
    factor  the weight; of a layer that is not Linear, ∂z/∂x
    share   |value| / Σ|values|
    """

    source: str
    factor: float
    x: float
    value: float
    share: float


@dataclass(frozen=True)
class NeuronExplanation(Readable):
    """A neuron for one sample: forward z and a, backward ∂C/∂a and ∂C/∂z.

    address   where z is; an activation's neuron is that of the layer before it
    sample    of `samples`
    z         what stands there
    bias      what is added to the inputs; None where there is none
    inputs    the largest inputs by size of their value, largest first
    rest      all other inputs
    adds_up   True where z = Σ inputs + rest + bias, as in a Linear layer and a sum;
              elsewhere factors are derivatives and say how z answers, not what it is made of
    signal    ∂C/∂z taken apart: its slope has a and a'(z), its inner is ∂C/∂a, and its terms are
              the successors that matter
    silent    for how many samples a'(z) is 0; None where there is no activation
    """

    address: str
    sample: int
    samples: int
    z: float
    bias: float | None
    inputs: tuple[NeuronInput, ...]
    rest: Rest
    adds_up: bool
    signal: Signal
    silent: int | None

    def words(self, language: str = "en") -> str:
        """The paragraph: what it takes, what it makes of it, what comes back."""
        values = {
            "address": self.address,
            "sample": self.sample,
            "z": brief(self.z),
        }
        found = [say(language, "neuron.opening", **values)]
        if self.inputs:
            first = self.inputs[0]
            count = len(self.inputs) + self.rest.count
            key = "influence" if not self.adds_up else "only_input" if count == 1 else "input"
            if key == "only_input" and first.factor == 1 and self.bias is None:
                key = "as_it_is"
            found.append(
                say(
                    language,
                    f"neuron.{key}",
                    count=count,
                    source=first.source,
                    factor=brief(first.factor),
                    x=brief(first.x),
                    product=product_text(first.factor, first.x),
                    value=brief(first.value),
                    share=percent(first.share),
                )
            )
            if self.adds_up:
                values_of = [one.value for one in self.inputs]
                size = sum(map(abs, values_of)) + self.rest.size
                total = sum(values_of) + self.rest.value
                found += cancellation("neuron", total, size, language)
        slope = self.signal.slope
        if slope is not None:
            found.append(say(language, "neuron.activation", name=slope.name, a=brief(slope.a)))
        found += sentences(self.signal, language)
        if self.silent:
            numbers = {"count": self.silent, "samples": self.samples}
            found.append(say(language, "neuron.silent", address=self.address, **numbers))
        return joined(language, found)

    def steps(self, language: str = "en") -> tuple[ExplainedStep, ...]:
        """What it takes, what it makes of it, what comes back."""
        values = {"named": self.signal.named, "sample": self.sample}
        found = []
        if self.adds_up and self.inputs:
            count = len(self.inputs) + self.rest.count
            key = "step.neuron_sum" if self.bias is None else "step.neuron_sum_and_bias"
            told = say(language, key, count=count, **values)
            sums = "Σ x" if all(one.factor == 1 for one in self.inputs) else "Σ w · x"
            symbols = sums if self.bias is None else f"{sums} + b"
            chain = Chain("z", (symbols, self._summed(language), brief(self.z)))
            found.append(ExplainedStep(told, (chain,)))
        else:
            told = say(language, "step.neuron", **values)
            found.append(ExplainedStep(told, (Chain("z", (brief(self.z),)),)))
        if self.inputs and not self.adds_up:
            first = self.inputs[0]
            told = say(language, "step.influence", source=first.source)
            chain = Chain("∂z/∂x", (brief(first.factor),))
            found.append(ExplainedStep(told, (Chain("x", (brief(first.x),)), chain)))
        slope = self.signal.slope
        if slope is not None:
            told = say(language, "step.activation", name=slope.name)
            made = Chain("a", (f"{slope.name}({brief(slope.z)})", brief(slope.a)))
            found.append(ExplainedStep(told, (made, Chain("a'(z)", (brief(slope.value),)))))
        found += signal_steps(self.signal, language)
        if self.silent:
            numbers = {"count": self.silent, "samples": self.samples}
            told = say(language, "neuron.silent", address=self.address, **numbers)
            found.append(ExplainedStep(told))
        return tuple(found)

    def _summed(self, language: str) -> str:
        more = () if self.bias is None else (brief(self.bias),)
        rest = self.rest if self.rest.value else NOTHING
        products = [
            brief(one.value) if one.factor == 1 else product_text(one.factor, one.x)
            for one in self.inputs
        ]
        return WorkedLine("z", (*products, *more), self.z, rest).written(language)

    def table(self, language: str = "en", width: int | None = None) -> str:
        """The inputs line by line, then the signal taken apart."""
        title = say(
            language,
            "table.title_inputs" if self.adds_up else "table.title_influences",
            address=self.address,
            sample=self.sample,
        )
        text = titled(title, width)
        rows = [
            [say(language, f"table.{name}") for name in ("input", "weight_name", "x", "product")]
        ]
        if not self.adds_up:
            rows[0][1] = "∂z/∂x"
        rows[0].append(say(language, "table.share"))
        for one in self.inputs:
            numbers = [brief(one.factor), brief(one.x), brief(one.value)]
            rows.append([one.source, *numbers, percent(one.share)])
        if self.rest.count:
            rest = self.rest
            rows.append(
                [others_heading(rest.count, language).rstrip(), "", "", brief(rest.value), ""]
            )
        if self.bias is not None:
            rows.append([say(language, "table.bias"), "", "", brief(self.bias), ""])
        if self.adds_up:
            rows.append([say(language, "table.sum_z"), "", "", brief(self.z), ""])
        if len(rows) > 1:
            text += indented(rows, width)
        else:
            text.append(f"  z = {brief(self.z)}")
        text += ["", *titled(say(language, "table.signal", sample=self.sample), width)]
        text += narrowed(taken_apart(self.signal, language), width)
        return "\n".join(text)

    def equations(self, language: str = "en") -> tuple[str, ...]:
        """Z as the sum of its inputs (where it is one), a, and the signal taken apart."""
        found = []
        if self.adds_up:
            summands = [
                braced(one.factor, "w") + r" \cdot " + braced(one.x, place(one.source))
                for one in self.inputs
            ]
            summands += rest_braced(self.rest, language)
            if self.bias is not None:
                summands.append(braced(self.bias, "b"))
            found.append(chain("z", summands or "0", latex_number(self.z)))
        slope = self.signal.slope
        if slope is not None:
            found.append(rf"a = {latex_number(slope.a)} \qquad a'(z) = {latex_number(slope.value)}")
        return (*found, *signal_chains(self.signal, language))

    def picture(self, language: str = "en") -> Scene:
        """What comes in from the left, the neuron, and what goes back to it from the right."""
        signal = self.signal
        middle = self._lines()
        left, right = self._incoming(language), successors(signal, language)
        stops = [stop for stop, _ in left]
        stops += [SankeyNode("neuron", 1, middle, said(middle), stroke="accent")]
        stops += [stop for stop, _ in right]
        drawn = sankey(stops, [*(way for _, way in left), *(way for _, way in right)])
        entries = [
            LegendEntry("forward", 1, say(language, "picture.legend.incoming")),
            LegendEntry("backward", -1, say(language, "picture.legend.returning")),
            *_signs(language),
        ]
        return explained(
            [*self._side_headings(drawn.items, language), *drawn.items],
            entries,
            title=say(language, "picture.neuron.title", address=self.address, sample=self.sample),
            description=[self.words(language)],
            language=language,
        )

    def reversed_picture(self, language: str = "en") -> Scene:
        """The neuron in reverse: what comes back is summed and amplified by a'(z), whatever neuron
        it is and whatever it feeds."""
        signal = self.signal
        is_output = signal.loss is not None
        inner = signal.value if signal.inner is None else signal.inner
        total = value_lines(COST_BY_Y if is_output else f"Σ = {COST_BY_A}", inner, "backward")
        slope = 1.0 if signal.slope is None else signal.slope.value
        items, right = amplifier(
            signal.value, slope, derivative("*y*", "*z*") if is_output else SLOPE, total
        )
        behind = successors(signal, language)
        terms = []
        if not is_output:
            root = SankeyNode(
                "neuron", 1, (TextLine("Σ", "backward"),), f"Σ\n{plain(number_markup(inner))}"
            )
            drawn = sankey([root, *(stop for stop, _ in behind)], [way for _, way in behind])
            around = drawn.boxes["neuron"]
            dy = -(around.top + around.bottom) / 2
            items.append(Path((right + 34, 0), ((right, 0),), "backward", arrow=True))
            items += [moved(item, right + 34, dy) for item in drawn.items]
            terms = [
                f"{factor_markup(t.factor)}·{factor_markup(t.signal.value)}"
                for t in signal.terms
                if t.signal
            ]
            terms += [factor_markup(t.value) for t in signal.terms if t.signal is None]
            terms += [factor_markup(signal.rest.value)] if signal.rest.count else []
        inside = " + ".join(terms) or number_markup(inner)
        line = f"{COST_BY_Z} = {factor_markup(slope)} · ({inside}) = {number_markup(signal.value)}"
        formula = TextLine(line, "backward")
        around = bounds(items)
        items.append(Text(around.left, around.bottom + 30, line, "backward", 14, "start"))
        entries = [
            LegendEntry("backward", -1, say(language, "picture.legend.returning")),
            LegendEntry("forward", 0, say(language, "picture.legend.amplifier")),
            *([] if is_output else _signs(language)),
        ]
        return explained(
            items,
            entries,
            title=say(language, "picture.reversed.title", address=self.address, sample=self.sample),
            description=[
                say(language, "picture.reversed.description", address=self.address),
                formula,
            ],
            language=language,
        )

    def paths_picture(self, language: str = "en") -> Scene:
        """The paths from a neuron to the loss."""
        paths = paths_of_signal(self.signal)
        root = signal_lines(self.signal, language)
        name = derivative("*C*", "*z*")
        return explained(
            draw_paths(paths, root, language).items,
            path_legend(name, largest_of(paths), language),
            title=say(language, "picture.paths.title", address=self.address, sample=self.sample),
            description=[self.words(language)],
            language=language,
        )

    def _lines(self) -> tuple[TextLine, ...]:
        signal = self.signal
        lines = [TextLine(self.address), TextLine(equation("*z*", self.z), "forward")]
        slope = signal.slope
        if slope is not None:
            inner = 0.0 if signal.inner is None else signal.inner
            lines += [
                TextLine(f"{equation('*a*', slope.a)} ({slope.name})", "forward"),
                TextLine(equation("*a*′(*z*)", slope.value), "forward"),
                TextLine(equation(COST_BY_A, inner), "backward"),
            ]
        return (*lines, TextLine(equation(COST_BY_Z, signal.value), "backward"))

    def _incoming(self, language: str) -> list[tuple[SankeyNode, SankeyLink]]:
        """The largest inputs, the rest, and the bias: each a box and its way to the neuron."""
        rows: list[tuple[str, tuple[TextLine, ...], float, str, str]] = []
        lines: tuple[TextLine, ...]
        for one in self.inputs:
            lines = (TextLine(one.source), TextLine(equation("*x*", one.x), "forward"))
            name = "*w*" if self.adds_up else derivative("*z*", "*x*")
            label = f"{name} = {number_markup(one.factor)} → {number_markup(one.value)}"
            rows.append((one.source, lines, one.value, label, percent(one.share)))
        if self.rest.count:
            lines = (TextLine(others_label(self.rest.count, language), "muted"),)
            rows.append(("rest", lines, self.rest.value, number_markup(self.rest.value), ""))
        if self.bias is not None:
            bias = say(language, "table.bias")
            lines = (TextLine(bias), TextLine(equation("*b*", self.bias)))
            rows.append(("bias", lines, self.bias, number_markup(self.bias), ""))
        parts = parts_of([value for _, _, value, _, _ in rows])
        found = []
        for (key, lines, value, label, share), part in zip(rows, parts, strict=True):
            says = said(lines) + "\n" + plain(label) + (f" ({share})" if share else "")
            dashed = key == "rest"
            stop = SankeyNode(f"in/{key}", 0, lines, says, dashed)
            found.append((stop, SankeyLink(stop.key, "neuron", value, part, label, says, dashed)))
        return found

    def _side_headings(self, items: list[Item], language: str) -> list[Item]:
        around = bounds(items)
        y = around.top - 18
        found: list[Item] = []
        if self.inputs:
            content = say(language, "picture.incoming")
            found.append(Text(around.left, y, f"{content} →", "forward", 13, "start", bold=True))
        content = say(language, "picture.returning")
        found.append(Text(around.right, y, f"← {content}", "backward", 13, "end", bold=True))
        return found


def _signs(language: str) -> list[LegendEntry]:
    return [
        LegendEntry("positive5", 0, say(language, "picture.legend.plus")),
        LegendEntry("negative5", 0, say(language, "picture.legend.minus")),
    ]
