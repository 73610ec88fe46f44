"""Everything that the text of a program is made from, worked out once."""

from typing import NamedTuple

from clearprop.kinds.program_pieces import LossLines, Memory, UpdateLines
from clearprop.reading.programs.passes import Program, passes_of, require_known
from clearprop.reading.programs.recipe import Recipe, Settled, settle
from clearprop.reading.programs.rows_written import loss_lines, update_lines
from clearprop.reading.programs.side_inputs import symbols_of


class Draft(NamedTuple):
    """A recipe with its lines: of both passes, the loss and the update, and the language."""

    settled: Settled
    program: Program
    loss: LossLines
    update: UpdateLines
    language: str

    @property
    def recipe(self) -> Recipe:
        """What the program is written from."""
        return self.settled.recipe

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters, in order."""
        return [one.symbol.name for one in self.program.parameters]

    @property
    def beside(self) -> list[str]:
        """The names of what stands beside x, in order."""
        return [symbol.name for symbol in symbols_of(self.settled.beside.arrays).values()]

    @property
    def beside_samples(self) -> list[str]:
        """Those of them that have an entry for every sample."""
        axes = self.settled.beside.axes
        symbols = symbols_of(self.settled.beside.arrays)
        return [symbol.name for name, symbol in symbols.items() if axes[name] is not None]

    @property
    def masks(self) -> list[str]:
        """The names of the dropout masks, in order."""
        return [mask.symbol.name for mask in self.program.masks]

    @property
    def memory(self) -> list[tuple[str, Memory]]:
        """Each parameter's name with every array that the optimizer remembers of it."""
        return [(name, one) for name in self.parameters for one in self.update.memory]

    @property
    def resumes(self) -> bool:
        """Whether the optimizer goes on with what it remembers."""
        return bool(self.update.memory) and self.recipe.memory.step > 0


def draft(recipe: Recipe, language: str) -> Draft:
    """Work a recipe out. Raises what `settle`, `passes_of`, `loss_lines` and `update_lines` do."""
    update = update_lines(recipe.optimizer)
    require_known(recipe.network)
    settled = settle(recipe)
    program = passes_of(recipe.network, settled.x, beside=settled.beside.arrays)
    loss = loss_lines(recipe.loss, settled.target, settled.output)
    return Draft(settled, program, loss, update, language)
