"""What was probably done wrong: the mistakes whose numbers are the claimed ones, most likely first.

Every known mistake is a transformation that turns the right gradient, or the trusted backward pass
with one thing changed, into the wrong one. A mistake is named when its transformation reproduces
the claimed numbers, which are far from the right ones, and no better founded one does. Where
nothing does, the answer is empty: a wrong name costs more than none.

    the arrays alone         elementary.py, fitted.py
    running the code again   behaviour.py
    a forward in NumPy       recording/: its tape; along_tape/: the parts on it, the slips at them
    what is ours             trusted.py, altered_pass.py; chain_rule.py, mixing.py
    images                   image_recognition.py, written_image.py: which convolution or pooling it
                             is; image_slips.py, pool_slips.py: what goes wrong there
    a forward of neither     recognition.py: guessed from the numbers; other_losses.py, layouts.py
    the choice, and why      choice.py, why_named.py, why_on_tape.py; what it found: diagnosis.py
"""

from clearprop.checking.diagnosis.diagnosis import Diagnosis
from clearprop.checking.diagnosis.evidence import Evidence
from clearprop.checking.diagnosis.why_named import diagnose

__all__ = ["Diagnosis", "Evidence", "diagnose"]
