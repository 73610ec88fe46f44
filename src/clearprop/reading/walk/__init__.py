"""One training step, walked stage by stage: forward layer by layer, the loss, backward layer by
layer, the update. Every stage is data, with its equation and its own numbers.

walk = walk_step(step, sample=0)
print(walk.text())
"""

from clearprop.reading.walk.stages import ArrayRole, Part, StageArray, Walk, WalkStage
from clearprop.reading.walk.walking import walk_step
from clearprop.reading.worked_lines import WorkedLine

__all__ = ["ArrayRole", "Part", "StageArray", "Walk", "WalkStage", "WorkedLine", "walk_step"]
