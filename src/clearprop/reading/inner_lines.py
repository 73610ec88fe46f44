"""How a number inside a layer is made and how its gradient adds up, line by line, by its row."""

from collections.abc import Mapping

from clearprop.base.arrays import Array, Index
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.row import InnerEntry
from clearprop.reading.worked_lines import WorkedLine, worked_line


class InnerLines:
    """What is inside of the layer at `path`, for one sample.

    values     of every intermediate, by name
    gradients  ∂C/∂(each of them)
    """

    def __init__(self, step: Step, path: str, sample: int) -> None:
        self._step, self._sample = step, sample
        self._record = step.forward[path]
        self._output_gradient = step.backward[path].output_gradient[sample]
        row = LAYER_ROWS.get(type(self._record.layer))
        self._known = {} if row is None else row.inside
        inside, back = step.forward.inside(path), step.backward.inside(path)
        self.values: Mapping[str, Array] = {n: one.values[sample] for n, one in inside.items()}
        self.gradients: Mapping[str, Array] = {name: one[sample] for name, one in back.items()}

    def symbol(self, name: str) -> str:
        """What an intermediate is called in the lines; its own name in a layer without a row."""
        return self._known[name].symbol if name in self._known else name

    def made(self, name: str, place: Index) -> tuple[WorkedLine, ...]:
        """How the number at `place` of an intermediate is made; nothing without a row."""
        if name not in self._known:
            return ()
        lines = self._known[name].forward(self._entry(place))
        return tuple(worked_line(one, one.symbol) for one in lines)

    def gathered(self, name: str, place: Index) -> tuple[WorkedLine, ...]:
        """How ∂C/∂(it) adds up; nothing without a row."""
        if name not in self._known:
            return ()
        lines = self._known[name].backward(self._entry(place))
        return tuple(worked_line(one, one.symbol) for one in lines)

    def _entry(self, place: Index) -> InnerEntry:
        record, sample = self._record, self._sample
        return InnerEntry(
            layer=record.layer,
            params=record.params,
            input=record.input[sample],
            output=record.output[sample],
            output_gradient=self._output_gradient,
            values=self.values,
            gradients=self.gradients,
            cache=record.cache,
            sample=sample,
            place=place,
        )
