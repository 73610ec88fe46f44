"""What a reproduction is run with."""

import math
from dataclasses import dataclass

from clearprop.base.arrays import DTYPES, require_count
from clearprop.base.errors import ConfigurationError
from clearprop.training.engine_choice import require_engine


@dataclass(frozen=True)
class ReproductionSettings:
    """The choices of one reproduction; the defaults are the tutorial's.

    steps          full-batch steps of every training
    learning_rate  η of every training, except in the study of learning rates
    seeds          how many starts the studies train, seeds 0 to seeds − 1
    dtype          "float64" or "float32": what the experiments compute in
    with_torch     False leaves PyTorch out even where it is installed
    engine         what takes the steps: "auto", "numpy" or "compiled", as in `fit`

    Raises ConfigurationError, naming the option, for what cannot be.
    """

    steps: int = 50
    learning_rate: float = 0.01
    seeds: int = 200
    dtype: str = "float64"
    with_torch: bool = True
    engine: str = "auto"

    def __post_init__(self) -> None:
        require_count("steps", self.steps)
        require_count("seeds", self.seeds)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ConfigurationError("learning_rate_invalid", value=self.learning_rate)
        if self.dtype not in DTYPES:
            raise ConfigurationError("dtype_unknown", name=self.dtype, known=", ".join(DTYPES))
        require_engine(self.engine)
