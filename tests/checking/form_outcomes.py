"""Arrays for a layer, and what a check of it comes to."""

from typing import Any

import numpy as np

from clearprop import check
from clearprop.checking.verdict import Verdict

RANDOM = np.random.default_rng(0)
X, W, B = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 2)), RANDOM.normal(size=2)


def outcome(*arguments: Any, **options: Any) -> tuple[str, list[str]]:
    verdict = check(*arguments, **options)
    return str(verdict.outcome), [one.name for one in verdict.arrays]


def findings(verdict: Verdict) -> list[str]:
    return [str(one.key) for one in verdict.findings]
